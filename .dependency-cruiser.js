// The arrows of docs/architecture.md as rules. Type imports count: a type is knowledge too.

/** What each part of the product may import of the product, besides itself and src/errors.ts. */
const PORT = ['src/exec-backend.ts', 'src/exec-types.ts', 'src/log/'];
const ARROWS = {
  'src/main.ts': ['src/config.ts', 'src/service.ts'],
  'src/service.ts': [
    'src/app.ts',
    'src/backend/',
    'src/config.ts',
    'src/engine/',
    'src/http/',
    'src/process/',
    'openapi/openapi.json',
  ],
  'src/app.ts': ['routes/', 'src/http/', 'src/protocol/', 'src/config.ts', ...PORT],
  'src/config.ts': [],
  'src/errors.ts': [],
  'src/signals.ts': [],
  'src/exec-backend.ts': PORT,
  'src/exec-types.ts': ['src/log/'],
  'src/log/': [],
  'src/process/': ['src/signals.ts', ...PORT],
  'src/engine/': ['src/signals.ts', 'src/log/'],
  'src/replica/': ['src/engine/engine.ts', ...PORT],
  'src/backend/': [
    'src/process/',
    'src/engine/engine.ts',
    'src/replica/',
    'src/signals.ts',
    ...PORT,
  ],
  'src/protocol/': PORT,
  'src/http/': ['src/signals.ts', ...PORT],
  'src/client/': ['src/protocol/', ...PORT],
  'routes/': ['src/http/', 'src/protocol/', ...PORT],
};

const WEB = ['routes/', 'src/http/', 'src/app.ts', 'src/main.ts'];

/** Who may import a package. A package that is not listed may be imported by any file but src/log/. */
const PACKAGES = {
  execa: ['src/process/spawn-execa.ts'],
  koffi: ['src/process/posix/libc.ts'],
  fastify: WEB,
  '@fastify': WEB,
  undici: ['src/client/'],
};

/** Who may import a part of Node. */
const BUILTINS = {
  sqlite: ['src/engine/files/'],
  'fs|fs/promises': [
    'src/process/',
    'src/engine/files/',
    'src/main.ts',
    'src/config.ts',
    'src/app.ts',
  ],
};

const PRODUCT = '^(src|routes)/';

export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or miss a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nobody imports and that imports nothing is dead.',
      severity: 'error',
      from: { path: PRODUCT, orphan: true },
      to: {},
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere escapes every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'unplaced-file',
      comment: 'Each file of src/ and routes/ belongs to a part that has a row in ARROWS.',
      severity: 'error',
      from: { path: PRODUCT, pathNot: starts(Object.keys(ARROWS)) },
      to: {},
    },
    {
      name: 'product-imports-product',
      comment: 'What is shipped imports nothing of tests, benchmarks and tools but the document.',
      severity: 'error',
      from: { path: PRODUCT },
      to: {
        path: '^(test|bench|openapi|scripts|tools|console)/',
        pathNot: '^openapi/openapi\\.json$',
      },
    },
    {
      name: 'no-dev-packages',
      comment: 'npm ci --omit=dev leaves these out, so the product would not start.',
      severity: 'error',
      from: { path: PRODUCT },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'routes-are-strangers',
      comment: 'A route knows the port and never another route; routes/index.ts lists them.',
      severity: 'error',
      from: { path: '^routes/', pathNot: '^routes/index\\.ts$' },
      to: { path: '^routes/' },
    },
    {
      name: 'log-is-pure',
      comment: 'The log computes; bytes and hashes are all it takes from outside.',
      severity: 'error',
      from: { path: '^src/log/' },
      to: {
        pathNot: ['^src/log/', '^src/errors\\.ts$', '^(node:)?(buffer|crypto)$'],
      },
    },
    ...Object.entries(ARROWS).map(([part, below]) => ({
      name: `arrow-from-${part.replace(/\/$/, '')}`,
      comment: `${part} imports only: ${[...below, 'src/errors.ts'].join(', ')}`,
      severity: 'error',
      from: { path: starts([part]) },
      to: { path: PRODUCT, pathNot: starts([part, ...below, 'src/errors.ts']) },
    })),
    ...Object.entries(PACKAGES).map(([name, importers]) => ({
      name: `only-some-import-${name}`,
      comment: `${name} is imported only by: ${importers.join(', ')}`,
      severity: 'error',
      from: { path: PRODUCT, pathNot: starts(importers) },
      to: { path: `(^|/)node_modules/(@types/)?${name}/` },
    })),
    ...Object.entries(BUILTINS).map(([names, importers]) => ({
      name: `only-some-import-node-${names.split('|')[0]}`,
      comment: `node:${names} is imported only by: ${importers.join(', ')}`,
      severity: 'error',
      from: { path: PRODUCT, pathNot: starts(importers) },
      to: { path: `^(node:)?(${names})$` },
    })),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage|test-artifacts|data)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};

function starts(paths) {
  return paths.map((path) => `^${path.replaceAll('.', '\\.')}${path.endsWith('/') ? '' : '$'}`);
}
