FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY tools/node-runtime/package.json tools/node-runtime/
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY routes ./routes
COPY openapi/openapi.json openapi/
RUN npm run --silent build

FROM node:24-bookworm-slim
# tini as process 1 reaps the orphans of the processes that the service runs, whatever starts them.
RUN apt-get update \
  && apt-get install -y --no-install-recommends tini \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json .npmrc LICENSE ./
COPY tools/node-runtime/package.json tools/node-runtime/
RUN npm ci --omit=dev && npm cache clean --force
COPY --from=build /app/dist ./dist

# Created here with its owner, so that a named volume mounted on it starts with the same owner.
RUN install -d -o node -g node -m 0700 /var/lib/procession
VOLUME /var/lib/procession

ENV NODE_ENV=production
ENV PROCESSION_DATA_DIR=/var/lib/procession
USER node
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["node", "dist/src/main.js"]
