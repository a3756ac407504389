// Makes a process larger before its program begins: node --import ./ballast.js <program>
// Each page of BENCH_BALLAST_BYTES is touched, so that it is resident.
const pieceBytes = 1024 * 1024;
const count = Math.floor(Number(process.env['BENCH_BALLAST_BYTES'] ?? 0) / pieceBytes);
const pieces = Array.from({ length: count }, () => Buffer.alloc(pieceBytes, 1));
process.on('exit', () => pieces.length);
