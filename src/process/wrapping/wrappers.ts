const toolNames = ['prlimit', 'nice', 'setpriv', 'sh', 'env'] as const;

/** A program of the host that restricts itself and then becomes another one. */
export type ToolName = (typeof toolNames)[number];

/** Where the tools are. */
export type Tools = ReadonlyMap<ToolName, string>;

/** Every place where a tool may be. Not `PATH`: somebody else may have a say in that. */
export const toolPaths: readonly string[] = toolNames.flatMap(placesOf);

/** The tools that are there. */
export function findTools(isThere: (path: string) => boolean): Tools {
  const found = toolNames.flatMap((name) => {
    const place = placesOf(name).find(isThere);
    return place === undefined ? [] : [[name, place] as const];
  });
  return new Map(found);
}

function placesOf(name: ToolName): readonly string[] {
  return [`/usr/bin/${name}`, `/bin/${name}`];
}
