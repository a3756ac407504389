/**
 * Every error that a caller can meet: its stable code, HTTP status and title.
 * `retryable` says that the same request may succeed later without a change.
 */
export const errorTable = {
  lagged: { status: 307, title: 'The cursor is older than the replay', retryable: false },
  invalid_request: { status: 400, title: 'The request is not valid', retryable: false },
  invalid_json: { status: 400, title: 'The body is not valid JSON', retryable: false },
  invalid_cursor: { status: 400, title: 'The cursor is not a sequence number', retryable: false },
  route_not_found: { status: 404, title: 'There is no such route', retryable: false },
  process_not_found: { status: 404, title: 'There is no such process', retryable: false },
  method_not_allowed: { status: 405, title: 'The method is not allowed here', retryable: false },
  not_acceptable: { status: 406, title: 'No acceptable representation', retryable: false },
  request_timeout: { status: 408, title: 'The request did not arrive in time', retryable: true },
  cursor_ahead: { status: 409, title: 'The cursor is ahead of the log', retryable: false },
  not_a_terminal: { status: 409, title: 'It runs on no terminal', retryable: false },
  process_exited: { status: 409, title: 'The process has exited', retryable: false },
  process_id_conflict: { status: 409, title: 'The process_id is taken', retryable: false },
  process_running: { status: 409, title: 'The process is not over', retryable: true },
  stdin_closed: { status: 409, title: 'The standard input is closed', retryable: false },
  write_id_conflict: { status: 409, title: 'The write_id was used before', retryable: false },
  process_expired: { status: 410, title: 'The process was removed', retryable: false },
  body_too_large: { status: 413, title: 'The body is too large', retryable: false },
  uri_too_long: { status: 414, title: 'A part of the URL is too long', retryable: false },
  unsupported_media_type: { status: 415, title: 'The body type is unsupported', retryable: false },
  argument_list_too_long: { status: 422, title: 'The arguments are too long', retryable: false },
  command_not_found: { status: 422, title: 'The command was not found', retryable: false },
  cwd_forbidden: { status: 422, title: 'The directory may not be entered', retryable: false },
  cwd_not_directory: { status: 422, title: 'The cwd is not a directory', retryable: false },
  cwd_not_found: { status: 422, title: 'The cwd was not found', retryable: false },
  not_executable: { status: 422, title: 'The command is not executable', retryable: false },
  spawn_failed: { status: 422, title: 'The process could not be started', retryable: false },
  stdin_full: { status: 429, title: 'The child does not read its input', retryable: true },
  header_too_large: { status: 431, title: 'The header is too large', retryable: false },
  internal_error: { status: 500, title: 'Internal error', retryable: false },
  unsupported: { status: 501, title: 'This host cannot do that', retryable: false },
  draining: { status: 503, title: 'The service is shutting down', retryable: true },
  processes_max_reached: { status: 503, title: 'Too many processes are running', retryable: true },
  resources_exhausted: { status: 503, title: 'The host is out of resources', retryable: true },
  store_unavailable: { status: 503, title: 'The store is not reachable', retryable: true },
  http_version_unsupported: { status: 505, title: 'Streams need HTTP/1.1', retryable: false },
  store_failing: { status: 507, title: 'The store takes nothing', retryable: true },
  store_full: { status: 507, title: 'The store is full', retryable: true },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;

/** A stable code of {@link errorTable}. */
export type ErrorCode = keyof typeof errorTable;

/** Members of the case that a problem carries beside the common ones, in wire names. */
export type ErrorMembers = Readonly<Record<string, unknown>>;

/** An outcome that the caller is told of; `detail` is for people and holds no secret. */
export class ProcessionError extends Error {
  override readonly name = 'ProcessionError';
  readonly code: ErrorCode;
  readonly members: ErrorMembers;

  constructor(code: ErrorCode, detail: string, members: ErrorMembers & { cause?: unknown } = {}) {
    const { cause, ...rest } = members;
    super(detail, { cause });
    this.code = code;
    this.members = rest;
  }
}

/** Whether a code string, for instance from another server, is one of ours. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorTable, code);
}
