// Writes single bytes, one system call each: node write-bytes.js <count>
import { writeSync } from 'node:fs';

const count = Number(process.argv[2]);
const bytes = Buffer.from(Array.from({ length: 251 }, (_, value) => value));
for (let index = 0; index < count; index += 1) writeSync(1, bytes, index % 251, 1);
