import { eventSchemas } from './events.ts';
import { Health } from './health.ts';
import { Problem } from './problem.ts';
import { Process, ProcessList, ProcessState, TerminalSize, TerminatedProcess } from './process.ts';
import { OutputPage } from './read.ts';
import { SignalRequest } from './signal.ts';
import { startSchemas } from './start.ts';
import { Wake } from './subscribe-wake.ts';
import { TerminateRequest } from './terminate.ts';
import { WriteRequest, WriteResult } from './write.ts';

/** Every named component of the wire; references in routes name one of these. */
export const components = [
  ...startSchemas,
  ProcessState,
  TerminalSize,
  Process,
  ProcessList,
  TerminatedProcess,
  ...eventSchemas,
  OutputPage,
  Wake,
  WriteRequest,
  WriteResult,
  SignalRequest,
  TerminateRequest,
  Health,
  Problem,
];
