/** Where the processes of a server are. */
export const processesPath = '/processes';

/** Where one process is, or one of its routes. */
export function processPath(processId: string, route?: string): string {
  const path = `${processesPath}/${encodeURIComponent(processId)}`;
  return route === undefined ? path : `${path}/${route}`;
}

/** The members of an object as a query; those that are undefined are left out. */
export function queryOf(
  members: Readonly<Record<string, string | number | boolean | undefined>>,
): (readonly [string, string])[] {
  return Object.entries(members).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  );
}
