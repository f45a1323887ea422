// A real tesserad for one test file: SQLite in a temporary folder, a free loopback port.
// The program is the one that the environment variable TESSERAD names.
import { spawn, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const ISSUER = 'https://tessera.test';
export const ADMIN = { username: 'admin', password: 'correct horse battery' };
const START_LIMIT_MS = 60_000; // a sanitised program on a busy machine
const STOP_LIMIT_MS = 20_000;

function openssl(folder, ...args) {
  execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
}

// An authority of its own, and a certificate by it for this machine's loopback.
function makeCertificates(folder) {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(folder, 'req', '-x509', ...key, '-days', '2', '-subj', '/CN=tessera test CA',
    '-keyout', 'ca.key', '-out', 'ca.crt');
  openssl(folder, 'req', ...key, '-subj', '/CN=localhost', '-keyout', 'tls.key', '-out', 'tls.csr');
  writeFileSync(join(folder, 'extensions'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  openssl(folder, 'x509', '-req', '-in', 'tls.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key',
    '-CAcreateserial', '-days', '2', '-extfile', 'extensions', '-out', 'tls.crt');
}

function configuration(folder, tls) {
  const transport = tls
    ? `[server.tls]\ncertificate = "${folder}/tls.crt"\nkey = "${folder}/tls.key"`
    : 'plaintext = true';
  return `[server]
listen = "127.0.0.1:0"
reflection = "public"
${transport}
[storage]
url = "sqlite:${folder}/tessera.db"
[keys]
master_key_file = "${folder}/master.key"
[tokens]
issuer = "${ISSUER}"
audiences = ["orders"]
[passwords]
memory_kib = 8192
passes = 1
[bootstrap]
admin_password_file = "${folder}/admin-password"
`;
}

// The environment without what would configure the server by accident.
function cleanEnvironment(extra) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('TESSERA_'));
  return { ...Object.fromEntries(kept), ...extra };
}

function waitForReady(child) {
  const lines = [];
  return new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`tesserad ${why}:\n${lines.join('\n')}`));
    const timer = setTimeout(() => fail('is not ready in time'), START_LIMIT_MS);
    child.once('exit', (code) => fail(`ended with ${code}`));
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      const found = /server\.ready.*?\baddress="?([^\s"]+)/.exec(line);
      if (!found) return;
      clearTimeout(timer);
      resolve({ address: found[1], lines });
    });
  });
}

function end(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve(child.exitCode);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    child.removeAllListeners('exit');
    child.once('exit', (code) => { clearTimeout(timer); resolve(code); });
    child.kill('SIGTERM');
  });
}

// `environment` overrides keys of the configuration: { TESSERA_TOKENS_ACCESS_TTL: '1s' }; or makes
// that of the server's folder.
// The answer: { address, tls, caFile, folder, lines (of its log, growing), stop() -> exit code }.
export async function startTesserad({ tls, environment = {} }) {
  const program = process.env.TESSERAD;
  if (!program) throw new Error('TESSERAD does not name the server to test');
  const folder = mkdtempSync(join(tmpdir(), 'tessera-node-'));
  makeCertificates(folder);
  const privately = { mode: 0o600 };
  const master = `m1:${randomBytes(32).toString('base64')}\n`;
  writeFileSync(join(folder, 'master.key'), master, privately);
  writeFileSync(join(folder, 'admin-password'), ADMIN.password, privately);
  writeFileSync(join(folder, 'tessera.toml'), configuration(folder, tls), privately);
  const child = spawn(program, ['--config', join(folder, 'tessera.toml')], {
    env: cleanEnvironment(typeof environment === 'function' ? environment(folder) : environment),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const clean = () => rmSync(folder, { recursive: true, force: true });
  try {
    const { address, lines } = await waitForReady(child);
    const stop = async () => {
      const code = await end(child);
      clean();
      return code;
    };
    const caFile = join(folder, 'ca.crt');
    return { address, tls, caFile, folder, lines, stop };
  } catch (error) {
    await end(child);
    clean();
    throw error;
  }
}
