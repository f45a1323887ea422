// npm's jose verifies tessera's tokens against tessera's key set: standard tools are enough.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calculateJwkThumbprint, createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { connect } from './client.mjs';
import { ADMIN, ISSUER, startTesserad } from './tesserad.mjs';

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'];

async function withServer(algorithm, run) {
  const server = await startTesserad({
    tls: false,
    environment: { TESSERA_KEYS_ALGORITHM: algorithm },
  });
  const client = await connect(server);
  try {
    const { grant } = await client.auth.Login({ ...ADMIN, audience: 'orders' });
    const set = JSON.parse((await client.auth.GetJwks({})).jwks_json);
    await run({ token: grant.access_token, set });
  } finally {
    client.close();
    await server.stop();
  }
}

for (const algorithm of ['ES256', 'EdDSA', 'RS256']) {
  test(`${algorithm}: jose verifies our token with our key set`, async () => {
    await withServer(algorithm, async ({ token, set }) => {
      const keys = createLocalJWKSet(set);
      const algorithms = [algorithm];
      const expected = { issuer: ISSUER, audience: 'orders', typ: 'at+jwt', algorithms };
      const { payload, protectedHeader } = await jwtVerify(token, keys, expected);
      assert.equal(protectedHeader.alg, algorithm);
      assert.match(payload.sub, /^usr_/);
      assert.match(payload.sid, /^ses_/);
      assert.equal(payload.exp - payload.iat, 15 * 60);

      const [head, , signature] = token.split('.');
      const other = Buffer.from(JSON.stringify({ ...payload, sub: 'usr_x' })).toString('base64url');
      await assert.rejects(jwtVerify([head, other, signature].join('.'), keys, expected),
        { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
      await assert.rejects(jwtVerify(token, keys, { ...expected, audience: 'tessera' }),
        { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' });
    });
  });

  test(`${algorithm}: the key set is public, and its ids are thumbprints`, async () => {
    await withServer(algorithm, async ({ token, set }) => {
      assert.ok(set.keys.length > 0);
      for (const key of set.keys) {
        assert.deepEqual(PRIVATE_MEMBERS.filter((member) => member in key), []);
        assert.equal(key.kid, await calculateJwkThumbprint(key));
        assert.equal(key.alg, algorithm);
        assert.equal(key.use, 'sig');
      }
      const { kid } = decodeProtectedHeader(token);
      assert.ok(set.keys.some((key) => key.kid === kid));
    });
  });
}

test('HS256: the shared key is never published', async () => {
  await withServer('HS256', async ({ token, set }) => {
    assert.equal(decodeProtectedHeader(token).alg, 'HS256');
    assert.deepEqual(set.keys, []);
  });
});
