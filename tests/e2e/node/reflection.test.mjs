// A reflection client of everyday use under each setting of `server.reflection`.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PROTO, bufCurl } from './buf.mjs';
import { ADMIN, startTesserad } from './tesserad.mjs';

// What buf makes of UNAUTHENTICATED, and of UNIMPLEMENTED for both versions that it tries.
const NOT_AUTHENTICATED = /not authenticated/;
const NO_REFLECTION = /unimplemented/;

for (const reflection of ['public', 'authenticated', 'off']) {
  describe(`reflection = ${reflection}`, () => {
    let server;
    let token;
    before(async () => {
      server = await startTesserad({
        tls: true, environment: { TESSERA_SERVER_REFLECTION: reflection },
      });
      const opened = await bufCurl(server, 'tessera.v1.AuthService/Login', ADMIN, '--schema', PROTO);
      assert.equal(opened.code, 0, JSON.stringify(opened.error));
      token = opened.answer.grant.accessToken;
    });
    after(async () => { await server?.stop(); });

    const list = (...headers) => bufCurl(server, '', undefined, '--list-services', ...headers);
    const expectListed = ({ exit, answer, error }) => {
      assert.equal(exit, 0, JSON.stringify(error));
      assert.ok(answer.includes('tessera.v1.AuthService'), JSON.stringify(answer));
    };
    const expectRefused = ({ exit, answer, error }, words) => {
      assert.notEqual(exit, 0);
      assert.equal(answer, '');
      assert.match(error, words);
    };

    test('whoever brings no token', async () => {
      const listed = await list();
      if (reflection === 'public') expectListed(listed);
      if (reflection === 'authenticated') expectRefused(listed, NOT_AUTHENTICATED);
      if (reflection === 'off') expectRefused(listed, NO_REFLECTION);
    });

    test('whoever brings a token', async () => {
      const listed = await list('--reflect-header', `authorization: Bearer ${token}`);
      if (reflection === 'off') expectRefused(listed, NO_REFLECTION);
      else expectListed(listed);
    });
  });
}
