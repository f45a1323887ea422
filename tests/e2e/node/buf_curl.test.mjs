// `buf curl` with nothing but the server's reflection: what the README shows must work.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bufCurl } from './buf.mjs';
import { ADMIN, startTesserad } from './tesserad.mjs';

const UNAUTHENTICATED = 16;
const PERMISSION_DENIED = 7;

for (const tls of [false, true]) {
  describe(tls ? 'TLS' : 'plaintext', () => {
    let server;
    before(async () => { server = await startTesserad({ tls }); });
    after(async () => { await server?.stop(); });

    const curl = (...call) => bufCurl(server, ...call);
    const login = () => curl('tessera.v1.AuthService/Login', ADMIN);
    const withToken = (token) => ['-H', `authorization: Bearer ${token}`];

    test('reflection lists the services', async () => {
      const { code, answer } = await curl('', undefined, '--list-services');
      assert.equal(code, 0);
      assert.deepEqual(
        ['grpc.health.v1.Health', 'tessera.v1.AuthService', 'tessera.v1.UserService'].filter(
          (service) => !answer.includes(service)), []);
    });

    test('the health service answers, and reflection describes it', async () => {
      const { code, answer, error } = await curl('grpc.health.v1.Health/Check', {});
      assert.equal(code, 0, JSON.stringify(error));
      assert.equal(answer.status, 'SERVING');
    });

    test('login, and a call with its token', async () => {
      const opened = await login();
      assert.equal(opened.code, 0, JSON.stringify(opened.error));
      const token = opened.answer.grant.accessToken;
      const current = await curl('tessera.v1.UserService/GetCurrentUser', {}, ...withToken(token));
      assert.equal(current.code, 0, JSON.stringify(current.error));
      assert.equal(current.answer.user.username, ADMIN.username);
      assert.ok(current.answer.roles.includes('tessera.admin'));
    });

    test('renew, validate and revoke', async () => {
      const { refreshToken } = (await login()).answer.grant;
      const renewed = await curl('tessera.v1.AuthService/RenewToken', { refreshToken });
      const token = renewed.answer.grant.accessToken;
      const validate = () => curl('tessera.v1.AuthService/ValidateToken', { token });
      assert.equal((await validate()).answer.active, true);
      assert.equal((await curl('tessera.v1.AuthService/RevokeToken', { token })).code, 0);
      assert.equal((await validate()).answer.reason, 'ERROR_REASON_TOKEN_REVOKED');
    });

    test('refusals show code and reason', async () => {
      const wrong = await curl('tessera.v1.AuthService/Login', { ...ADMIN, password: 'not this' });
      assert.equal(wrong.code, UNAUTHENTICATED);
      assert.equal(wrong.error.code, 'unauthenticated');
      assert.match(wrong.error.message, /^BAD_CREDENTIALS: /);
      const info = wrong.error.details.find((detail) => detail.type === 'google.rpc.ErrorInfo');
      assert.ok(info, JSON.stringify(wrong.error));

      const missing = await curl('tessera.v1.UserService/GetCurrentUser', {});
      assert.equal(missing.code, UNAUTHENTICATED);
      assert.match(missing.error.message, /^TOKEN_MISSING: /);

      const { accessToken } = (await login()).answer.grant;
      const two = await curl('tessera.v1.UserService/GetCurrentUser', {},
        ...withToken(accessToken), ...withToken(accessToken));
      assert.equal(two.code, UNAUTHENTICATED);
      assert.match(two.error.message, /^TOKEN_MULTIPLE: /);

      const orders = await curl('tessera.v1.AuthService/Login', { ...ADMIN, audience: 'orders' });
      const foreign = await curl('tessera.v1.UserService/ListUsers', {},
        ...withToken(orders.answer.grant.accessToken));
      assert.equal(foreign.code, UNAUTHENTICATED);
      assert.match(foreign.error.message, /^TOKEN_AUDIENCE: /);
    });

    test('a role that is lacking is PERMISSION_DENIED', async () => {
      const admin = (await login()).answer.grant.accessToken;
      const user = { user: { username: 'nora' }, password: 'a password of nora' };
      assert.equal(
        (await curl('tessera.v1.UserService/CreateUser', user, ...withToken(admin))).code, 0);
      const opened = await curl('tessera.v1.AuthService/Login',
        { username: 'nora', password: user.password });
      const refusal = await curl('tessera.v1.UserService/ListUsers', {},
        ...withToken(opened.answer.grant.accessToken));
      assert.equal(refusal.code, PERMISSION_DENIED);
      assert.match(refusal.error.message, /^ROLE_REQUIRED: /);
    });
  });
}
