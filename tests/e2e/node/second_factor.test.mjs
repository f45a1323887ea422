// A login with a second factor as any other program does it: an authenticator of RFC 6238 in a few
// lines of JavaScript.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { bearer, connect, refused } from './client.mjs';
import { ADMIN, startTesserad } from './tesserad.mjs';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function bytesOf(base32) {
  const bits = [...base32].map((c) => ALPHABET.indexOf(c).toString(2).padStart(5, '0')).join('');
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

// What the otpauth URI says is all that it knows; `steps` from now.
function codeOf(uri, steps) {
  const asked = new URL(uri).searchParams;
  const counter = Buffer.alloc(8);
  const step = Math.floor(Date.now() / 1000 / Number(asked.get('period'))) + steps;
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac(asked.get('algorithm').toLowerCase(), bytesOf(asked.get('secret')))
    .update(counter).digest();
  const at = mac.at(-1) & 15;
  const digits = Number(asked.get('digits'));
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 10 ** digits).padStart(digits, '0');
}

describe('a second factor', () => {
  let server;
  let client;
  before(async () => {
    server = await startTesserad({ tls: false });
    client = await connect(server, { byReflection: true });
  });
  after(async () => {
    client?.close();
    assert.equal(await server?.stop(), 0);
  });

  test('is enrolled from the URI alone, and then asked for at each login', async () => {
    const { grant } = await client.auth.Login(ADMIN);
    const token = bearer(grant.access_token);
    const { otpauth_uri: uri } = await client.users.EnrollTotp({ password: ADMIN.password }, token);
    const confirmed = await client.users.ConfirmTotp({ totp_code: codeOf(uri, 0) }, token);
    assert.equal(confirmed.recovery_codes.length, 10);

    const { result, challenge } = await client.auth.Login(ADMIN);
    assert.equal(result, 'challenge');
    // The next step's: the one before was used for the confirmation.
    const answer = { challenge_token: challenge.challenge_token, totp_code: codeOf(uri, 1) };
    const { grant: opened } = await client.auth.CompleteLogin(answer);
    const said = await client.auth.ValidateToken({ token: opened.access_token });
    assert.deepEqual(said.authentication_methods, ['pwd', 'otp', 'mfa']);

    const again = await refused(client.auth.CompleteLogin(answer));
    assert.equal(again.reason, 'CODE_WRONG');
    const recovery = { ...answer, recovery_code: confirmed.recovery_codes[0] };
    delete recovery.totp_code;
    assert.ok((await client.auth.CompleteLogin(recovery)).grant.access_token);
  });
});
