// @grpc/grpc-js against tesserad, on plaintext and TLS: the life of a token, and the reason of each
// refusal as another language reads it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bearer, connect, refused } from './client.mjs';
import { ADMIN, ISSUER, startTesserad } from './tesserad.mjs';

const USER = { username: 'nora', password: 'a password of nora' };

// The same token with one part changed by `change`.
function alter(token, part, change) {
  const parts = token.split('.');
  parts[part] = change(parts[part]);
  return parts.join('.');
}

function withHeader(token, changes) {
  return alter(token, 0, (part) => {
    const header = JSON.parse(Buffer.from(part, 'base64url'));
    return Buffer.from(JSON.stringify({ ...header, ...changes })).toString('base64url');
  });
}

function forge(token) {
  return alter(token, 2, (part) => {
    const signature = Buffer.from(part, 'base64url');
    signature[10] ^= 1;
    return signature.toString('base64url');
  });
}

// What every refusal of tesserad's own must hold.
function assertDetailed(refusal, code, reason) {
  assert.equal(refusal.code, code);
  assert.equal(refusal.reason, reason);
  assert.equal(refusal.details.reason, reason);
  assert.equal(refusal.details.domain, 'tessera');
}

// A guard's refusal carries the message alone.
function assertGuarded(refusal, code, reason) {
  assert.equal(refusal.code, code);
  assert.equal(refusal.reason, reason, refusal.message);
}

for (const { tls, byReflection } of [
  { tls: false, byReflection: true },
  { tls: true, byReflection: false },
]) {
  const title = (tls ? 'TLS' : 'plaintext') + (byReflection ? ', by reflection' : ', by files');
  describe(title, () => {
    let server;
    let client;
    let adminToken;
    let userId;
    const login = async (who, audience = '') =>
      (await client.auth.Login({ ...who, audience })).grant;
    const renew = async (refresh_token) => (await client.auth.RenewToken({ refresh_token })).grant;

    before(async () => {
      server = await startTesserad({ tls });
      client = await connect(server, { byReflection });
      adminToken = (await login(ADMIN)).access_token;
      const created = await client.users.CreateUser(
        { user: { username: USER.username }, password: USER.password }, bearer(adminToken));
      userId = created.user.id;
    });
    after(async () => {
      client?.close();
      assert.equal(await server?.stop(), 0, 'SIGTERM must end tesserad in order');
    });

    test('a login opens a session whose token says who is calling', async () => {
      const grant = await login(USER);
      assert.match(grant.session_id, /^ses_[0-9a-hjkmnp-tv-z]{26}$/);
      assert.match(grant.refresh_token, /^tsr_/);
      const current = await client.users.GetCurrentUser({}, bearer(grant.access_token));
      assert.equal(current.user.username, USER.username);
      assert.equal(current.user.id, userId);
    });

    test('a renewal replaces both tokens, and a retry gets the same successor', async () => {
      const first = await login(USER);
      const second = await renew(first.refresh_token);
      assert.equal(second.session_id, first.session_id);
      assert.notEqual(second.refresh_token, first.refresh_token);
      assert.notEqual(second.access_token, first.access_token);
      assert.equal((await renew(first.refresh_token)).refresh_token, second.refresh_token);
    });

    test('an old refresh token ends the session', async () => {
      const first = await login(USER);
      const second = await renew(first.refresh_token);
      const third = await renew(second.refresh_token);
      const reused = await refused(renew(first.refresh_token));
      assertDetailed(reused, 'UNAUTHENTICATED', 'REFRESH_REUSED');
      const ended = await refused(renew(third.refresh_token));
      assertDetailed(ended, 'UNAUTHENTICATED', 'SESSION_ENDED');
      const verdict = await client.auth.ValidateToken({ token: third.access_token });
      assert.deepEqual([verdict.active, verdict.reason], [false, 'ERROR_REASON_TOKEN_REVOKED']);
    });

    test('a live token validates with its claims', async () => {
      const grant = await login(USER, 'orders');
      const claims = await client.auth.ValidateToken({ token: grant.access_token });
      assert.equal(claims.active, true);
      assert.equal(claims.issuer, ISSUER);
      assert.equal(claims.subject, userId);
      assert.equal(claims.audience, 'orders');
      assert.equal(claims.session_id, grant.session_id);
    });

    test('a revoked token is refused at once, and only that one', async () => {
      const [doomed, other] = [await login(USER), await login(USER)];
      await client.auth.RevokeToken({ token: doomed.access_token });
      const verdict = await client.auth.ValidateToken({ token: doomed.access_token });
      assert.deepEqual([verdict.active, verdict.reason], [false, 'ERROR_REASON_TOKEN_REVOKED']);
      const refusal = await refused(
        client.users.GetCurrentUser({}, bearer(doomed.access_token)));
      assertGuarded(refusal, 'UNAUTHENTICATED', 'TOKEN_REVOKED');
      await client.users.GetCurrentUser({}, bearer(other.access_token));
    });

    test('a logout ends session and token', async () => {
      const grant = await login(USER);
      await client.auth.Logout({ refresh_token: grant.refresh_token });
      const renewal = client.auth.RenewToken({ refresh_token: grant.refresh_token });
      assertDetailed(await refused(renewal), 'UNAUTHENTICATED', 'SESSION_ENDED');
      const call = client.users.GetCurrentUser({}, bearer(grant.access_token));
      assertGuarded(await refused(call), 'UNAUTHENTICATED', 'TOKEN_REVOKED');
    });

    test('wrong password and unknown name are one refusal', async () => {
      const wrong = await refused(login({ ...USER, password: 'not the password' }));
      const unknown = await refused(login({ ...USER, username: 'nobody' }));
      assertDetailed(wrong, 'UNAUTHENTICATED', 'BAD_CREDENTIALS');
      assert.deepEqual(unknown, wrong);
    });

    test('fields that are not acceptable are named', async () => {
      const device = await refused(client.auth.Login({ ...USER, device_id: 'phone' }));
      assertDetailed(device, 'INVALID_ARGUMENT', 'FIELD_INVALID');
      assert.deepEqual(device.details.violations, ['device_id']);
      const audience = await refused(login(USER, 'strangers'));
      assertDetailed(audience, 'INVALID_ARGUMENT', 'FIELD_INVALID');
      assert.deepEqual(audience.details.violations, ['audience']);
    });

    test('each thing wrong with a token has its reason', async () => {
      const good = (await login(USER)).access_token;
      const orders = (await login(USER, 'orders')).access_token;
      const call = (...tokens) => refused(client.users.GetCurrentUser({}, bearer(...tokens)));
      const cases = [
        [[], 'TOKEN_MISSING'],
        [[good, good], 'TOKEN_MULTIPLE'],
        [['nonsense'], 'TOKEN_MALFORMED'],
        [[forge(good)], 'TOKEN_SIGNATURE'],
        [[withHeader(good, { kid: 'A'.repeat(43) })], 'TOKEN_UNKNOWN_KEY'],
        [[orders], 'TOKEN_AUDIENCE'],
      ];
      for (const [tokens, reason] of cases) {
        assertGuarded(await call(...tokens), 'UNAUTHENTICATED', reason);
      }
      const none = withHeader(good, { alg: 'none' });
      assert.equal((await call(none)).code, 'UNAUTHENTICATED');
      assert.equal((await call(alter(none, 2, () => ''))).code, 'UNAUTHENTICATED');
    });

    test('a role that is lacking is PERMISSION_DENIED', async () => {
      const token = (await login(USER)).access_token;
      const refusal = await refused(client.users.ListUsers({}, bearer(token)));
      assertGuarded(refusal, 'PERMISSION_DENIED', 'ROLE_REQUIRED');
    });

    test("an administrator's token for another service is no good here", async () => {
      const token = (await login(ADMIN, 'orders')).access_token;
      const grant = { role: 'tessera.admin', user_id: userId };
      const refusal = await refused(client.users.GrantRole(grant, bearer(token)));
      assertGuarded(refusal, 'UNAUTHENTICATED', 'TOKEN_AUDIENCE');
    });

    test('what is not there, taken or stale says so', async () => {
      const asAdmin = bearer(adminToken);
      const { users } = client;
      assertDetailed(await refused(users.GetUser({ username: 'nobody' }, asAdmin)), 'NOT_FOUND',
        'USER_NOT_FOUND');
      const again = { user: { username: 'Nora' }, password: 'another password' };
      assertDetailed(await refused(users.CreateUser(again, asAdmin)), 'ALREADY_EXISTS',
        'USERNAME_TAKEN');
      const stale = {
        user: { id: userId, display_name: 'N', etag: 'stale' },
        update_mask: { paths: ['display_name'] },
      };
      assertDetailed(await refused(users.UpdateUser(stale, asAdmin)), 'ABORTED', 'ETAG_MISMATCH');
    });

    test('neither password nor token is in the log', async () => {
      const grant = await login(USER);
      const log = server.lines.join('\n');
      for (const secret of [USER.password, ADMIN.password, grant.access_token, adminToken,
        grant.refresh_token]) {
        assert.ok(!log.includes(secret));
      }
      assert.match(log, /server\.ready/);
    });
  });
}

test('an expired token is refused for that reason, and renewing goes on', async () => {
  const environment = { TESSERA_TOKENS_ACCESS_TTL: '1s', TESSERA_TOKENS_LEEWAY: '0s' };
  const server = await startTesserad({ tls: false, environment });
  const client = await connect(server);
  try {
    const { grant } = await client.auth.Login(ADMIN);
    const deadline = Date.now() + 20_000;
    let refusal;
    while (!refusal && Date.now() < deadline) {
      refusal = await client.users.GetCurrentUser({}, bearer(grant.access_token))
        .then(() => undefined, (error) => refused(Promise.reject(error)));
    }
    assertGuarded(refusal, 'UNAUTHENTICATED', 'TOKEN_EXPIRED');
    const verdict = await client.auth.ValidateToken({ token: grant.access_token });
    assert.deepEqual([verdict.active, verdict.reason], [false, 'ERROR_REASON_TOKEN_EXPIRED']);
    await client.auth.RenewToken({ refresh_token: grant.refresh_token });
  } finally {
    client.close();
    await server.stop();
  }
});
