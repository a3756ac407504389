// Plain old syntax on purpose: this file must run, and explain itself, on any Node.
'use strict';

var required = 24;
var major = Number(process.versions.node.split('.')[0]);

if (major < required) {
  console.error(
    'Procession needs Node ' +
      required +
      ' or newer, and this is Node ' +
      process.versions.node +
      '. ' +
      'On Linux with glibc, "npm ci" (with dev and optional dependencies) brings it along; ' +
      'elsewhere install Node ' +
      required +
      ' first.',
  );
  process.exit(1);
}
