/** The path of a process, as a `Location` names it. */
export function processUrl(pathPrefix: string, processId: string): string {
  return `${pathPrefix}/processes/${encodeURIComponent(processId)}`;
}

/** Where the stream of a lagged reader goes on. */
export function outputUrl(pathPrefix: string, processId: string): (afterSeq: number) => string {
  const path = `${processUrl(pathPrefix, processId)}/output`;
  return (afterSeq) => `${path}?after_seq=${afterSeq}`;
}
