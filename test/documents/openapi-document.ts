import { textOf } from './markdown.ts';

/** A part of the document, as far as the tests look into it. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody: Content | undefined;
  readonly responses: Readonly<Record<string, Content>>;
}

/** One place of a request beside its body. */
interface Parameter {
  readonly in: 'path' | 'query' | 'header';
  readonly name: string;
  readonly required?: boolean;
  readonly schema: object;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
  readonly headers?: Readonly<Record<string, unknown>>;
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Partial<Operation>>>>>;
}

/** The committed document. */
export const document = JSON.parse(textOf('openapi/openapi.json')) as OpenApi;

/** Each operation with its method and path. */
export const operations: readonly Operation[] = Object.entries(document.paths).flatMap(
  ([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      operationId: operation.operationId ?? '',
      parameters: operation.parameters ?? [],
      requestBody: operation.requestBody,
      responses: operation.responses ?? {},
      method: method.toUpperCase(),
      path,
    })),
);
