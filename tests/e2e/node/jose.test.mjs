// npm's jose verifies tessera's tokens against tessera's key set: standard tools are enough.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  calculateJwkThumbprint, createLocalJWKSet, decodeProtectedHeader, importJWK, jwtVerify,
} from 'jose';
import { connect } from './client.mjs';
import { ADMIN, ISSUER, startTesserad } from './tesserad.mjs';

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'];

async function withServer(algorithm, run) {
  const server = await startTesserad({
    tls: false,
    environment: (folder) => ({
      TESSERA_KEYS_ALGORITHM: algorithm,
      ...(algorithm === 'HS256' && { TESSERA_KEYS_HS256_FILE: join(folder, 'shared.json') }),
    }),
  });
  const client = await connect(server);
  try {
    const { grant } = await client.auth.Login({ ...ADMIN, audience: 'orders' });
    const set = JSON.parse((await client.auth.GetJwks({})).jwks_json);
    await run({ token: grant.access_token, set, folder: server.folder });
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

// What a service in another language has to do where it asks for the device.
test('the device of a token is a hash that anybody can make', async () => {
  const server = await startTesserad({ tls: false });
  const client = await connect(server);
  try {
    const device = 'a-laptop-0123456789';
    const { grant } = await client.auth.Login({ ...ADMIN, audience: 'orders', device_id: device });
    const set = JSON.parse((await client.auth.GetJwks({})).jwks_json);
    const expected = { issuer: ISSUER, audience: 'orders', typ: 'at+jwt' };
    const { payload } = await jwtVerify(grant.access_token, createLocalJWKSet(set), expected);
    const hash = createHash('sha256').update(`tessera/device/v1\0${device}`).digest();
    assert.equal(payload.did, hash.subarray(0, 16).toString('base64url'));
    assert.deepEqual(payload.amr, ['pwd']);
  } finally {
    client.close();
    await server.stop();
  }
});

test('HS256: the shared key is never published, and jose verifies with the one in the file', async () => {
  await withServer('HS256', async ({ token, set, folder }) => {
    const { alg, kid } = decodeProtectedHeader(token);
    assert.equal(alg, 'HS256');
    assert.deepEqual(set.keys, []);
    const shared = JSON.parse(readFileSync(join(folder, 'shared.json'), 'utf8'));
    const key = await importJWK(shared.keys.find((candidate) => candidate.kid === kid), alg);
    const expected = { issuer: ISSUER, audience: 'orders', typ: 'at+jwt', algorithms: [alg] };
    assert.match((await jwtVerify(token, key, expected)).payload.sub, /^usr_/);
  });
});
