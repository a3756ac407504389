import { describeExecBackend } from './exec-backend.ts';
import { openRemote } from './open-remote.ts';

describeExecBackend('the backend of a server, over HTTP', openRemote);
