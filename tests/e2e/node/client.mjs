// Calls tesserad with @grpc/grpc-js: stubs by reflection or from the proto files, promises, and
// refusals taken apart.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import reflection from 'grpc-js-reflection-client';

const PROTO = join(dirname(fileURLToPath(import.meta.url)), '../../../proto');
const OPTIONS = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };
const CALL_LIMIT_MS = 30_000;

function credentials(server) {
  return server.tls ? grpc.credentials.createSsl(readFileSync(server.caFile))
    : grpc.credentials.createInsecure();
}

async function packageByReflection(server) {
  const client = new reflection.GrpcReflection(server.address, credentials(server));
  const found = {};
  for (const service of ['AuthService', 'UserService']) {
    const descriptor = await client.getDescriptorBySymbol(`tessera.v1.${service}`);
    const objects = descriptor.getPackageObject(OPTIONS);
    found[service] = objects.tessera.v1[service];
  }
  return found;
}

function packageFromFiles() {
  const files = ['tessera/v1/auth_service.proto', 'tessera/v1/user_service.proto'];
  const definition = protoLoader.loadSync(files, { ...OPTIONS, includeDirs: [PROTO] });
  return grpc.loadPackageDefinition(definition).tessera.v1;
}

// Metadata with `authorization: Bearer` for each token, as one header: Node's HTTP/2 sends no second.
export function bearer(...tokens) {
  const metadata = new grpc.Metadata();
  const value = tokens.map((token) => `Bearer ${token}`).join(', ');
  if (value) metadata.set('authorization', value);
  return metadata;
}

// { auth, users, close() }: auth.Login(request, metadata) resolves to the answer.
export async function connect(server, { byReflection = false } = {}) {
  const stubs = byReflection ? await packageByReflection(server) : packageFromFiles();
  const clients = [stubs.AuthService, stubs.UserService].map(
    (Stub) => new Stub(server.address, credentials(server)));
  const promised = (client) => new Proxy(client, {
    get: (target, method) => (request, metadata = new grpc.Metadata()) =>
      new Promise((resolve, reject) => {
        const deadline = Date.now() + CALL_LIMIT_MS;
        target[method](request, metadata, { deadline },
          (error, answer) => (error ? reject(error) : resolve(answer)));
      }),
  });
  const [auth, users] = clients.map(promised);
  return { auth, users, close: () => clients.forEach((client) => client.close()) };
}

// The fields of a protobuf message, undecoded: [{ number, value }] with value a BigInt or a Buffer.
function fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const found = [];
  while (at < bytes.length) {
    const key = Number(varint());
    if ((key & 7) === 0) {
      found.push({ number: key >> 3, value: varint() });
    } else if ((key & 7) === 2) {
      const length = Number(varint());
      found.push({ number: key >> 3, value: bytes.subarray(at, at + length) });
      at += length;
    } else {
      throw new Error(`unexpected wire type in field ${key >> 3}`);
    }
  }
  return found;
}

const bytesOf = (message, number) =>
  fields(message).filter((field) => field.number === number).map((field) => field.value);
const textOf = (message, number) => String(bytesOf(message, number)[0] ?? '');

// What a refusal says: { code, message, reason (at the head of the message), details }, and of
// `grpc-status-details-bin`, if there: details = { reason, domain, violations: [field, ...] }.
export function refusalOf(error) {
  const refusal = {
    code: grpc.status[error.code],
    message: error.details,
    reason: /^([A-Z][A-Z_]*): /.exec(error.details ?? '')?.[1],
  };
  const [binary] = error.metadata?.get('grpc-status-details-bin') ?? [];
  if (!binary) return refusal;
  refusal.details = { statusCode: Number(bytesOf(binary, 1)[0] ?? 0n), violations: [] };
  for (const any of bytesOf(binary, 3)) {
    const type = textOf(any, 1).split('/').pop();
    const [value] = bytesOf(any, 2);
    if (type === 'google.rpc.ErrorInfo') {
      refusal.details.reason = textOf(value, 1);
      refusal.details.domain = textOf(value, 2);
    } else if (type === 'google.rpc.BadRequest') {
      refusal.details.violations.push(...bytesOf(value, 1).map((item) => textOf(item, 1)));
    }
  }
  return refusal;
}

// Awaits a call that has to fail, and takes the refusal apart.
export async function refused(call) {
  let answer;
  try {
    answer = await call;
  } catch (error) {
    if (error.code === undefined) throw error;
    return refusalOf(error);
  }
  throw new Error(`not refused, but answered: ${JSON.stringify(answer)}`);
}
