/** Where the backend says what went wrong: fixed message, fields for values. */
export interface BackendLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}
