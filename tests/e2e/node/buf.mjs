// `buf curl` against a server of tesserad.mjs.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const BUF = join(HERE, '../../node_modules/.bin/buf');

// Where the API is declared: for servers that do not describe themselves.
export const PROTO = join(HERE, '../../../proto');

// { exit, code, answer, error }: the exit code, the gRPC code in it (buf keeps those below 8 for other failures), standard
// output and error as JSON, or as text if they are none.
// The request goes over standard input: a command line is everybody's to read.
export function bufCurl(server, method, request, ...options) {
  const url = `${server.tls ? 'https' : 'http'}://${server.address}${method ? `/${method}` : ''}`;
  const trust = server.tls ? ['--cacert', server.caFile] : [];
  const data = request === undefined ? [] : ['-d', '@-'];
  const child = spawn(BUF, ['curl', '--protocol', 'grpc', ...trust, ...options, ...data, url],
    { cwd: server.folder, env: { ...process.env, BUF_CACHE_DIR: server.folder } });
  child.stdin.end(JSON.stringify(request ?? {}));
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => { texts.stdout += text; });
  child.stderr.on('data', (text) => { texts.stderr += text; });
  const parse = (text) => { try { return JSON.parse(text); } catch { return text; } };
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({
      exit: code, code: code >> 3, answer: parse(texts.stdout), error: parse(texts.stderr),
    }));
  });
}
