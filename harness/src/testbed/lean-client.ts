/**
 * Keeps the Docker client from loading what we never use: gRPC, for BuildKit's sessions; ssh2, for an engine at
 * the other end of ssh; what packs a folder for a build, as we pack ours ourselves; and what prints its debugging.
 * Together they are most of its 130 ms, which every command would pay. Imported where the command line begins,
 * before the client; whoever leaves it out has a slower client.
 */
import { registerHooks } from 'node:module';

const EMPTY = 'module.exports = {};';
/** What stands in for a module that is left out. */
const LEFT_OUT = new Map([
  ['@grpc/grpc-js', EMPTY],
  ['@grpc/proto-loader', EMPTY],
  ['tar-fs', EMPTY],
  ['@balena/dockerignore', EMPTY],
  ['zlib', EMPTY],
]);
if (!process.env.DOCKER_HOST?.startsWith('ssh:')) LEFT_OUT.set('ssh2', EMPTY);
// A socket of this machine takes no TLS.
if (!process.env.DOCKER_HOST) LEFT_OUT.set('https', EMPTY);
if (!process.env.DEBUG) LEFT_OUT.set('debug', 'module.exports = () => () => {};');

const SCHEME = 'podwire:left-out/';

registerHooks({
  resolve(specifier, context, nextResolve) {
    const ofClient = /\/node_modules\/(dockerode|docker-modem)\//.test(context.parentURL ?? '');
    if (!ofClient || !LEFT_OUT.has(specifier)) return nextResolve(specifier, context);
    return { url: `${SCHEME}${specifier}`, format: 'commonjs', shortCircuit: true };
  },
  load(url, context, nextLoad) {
    const source = url.startsWith(SCHEME) ? LEFT_OUT.get(url.slice(SCHEME.length)) : undefined;
    if (source === undefined) return nextLoad(url, context);
    return { format: 'commonjs', source, shortCircuit: true };
  },
});
