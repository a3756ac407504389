import { describeExecBackend } from './exec-backend.ts';
import { openLocal } from './open-local.ts';

describeExecBackend('the backend of this host', openLocal);
