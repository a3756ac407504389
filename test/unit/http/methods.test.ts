import { describe, expect, it } from 'vitest';
import { MethodTable } from '../../../src/http/methods.ts';

function table(): MethodTable {
  const methods = new MethodTable();
  methods.add('/processes', 'POST');
  methods.add('/processes', ['GET', 'HEAD']);
  methods.add('/processes/:process_id', 'DELETE');
  methods.add('/processes/:process_id/output', 'GET');
  methods.add('/openapi.json', 'GET');
  return methods;
}

describe('the methods of a path', () => {
  it.each([
    ['/processes', ['GET', 'HEAD', 'POST']],
    ['/processes?limit=1', ['GET', 'HEAD', 'POST']],
    ['/processes/p', ['DELETE']],
    ['/processes/p?force=true', ['DELETE']],
    ['/processes/a%2Fb', ['DELETE']],
    ['/processes/p/output', ['GET']],
    ['/openapi.json', ['GET']],
    ['/openapi-json', []],
    ['/', []],
    ['', []],
    ['/processes/', []],
    ['/processes/p/', []],
    ['/processes/p/output/more', []],
    ['/before/processes', []],
    ['?/processes', []],
  ])('%s are %j', (url, methods) => {
    expect(table().allowed(url)).toEqual(methods);
  });

  it('are all that fit when patterns overlap', () => {
    const methods = table();
    methods.add('/processes/all', 'GET');
    expect(methods.allowed('/processes/all')).toEqual(['DELETE', 'GET']);
  });
});
