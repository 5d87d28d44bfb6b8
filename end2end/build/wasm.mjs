// From the wasm that cargo linked to what the browser loads, in target/site/pkg:
//   sentinel.js, sentinel_bg.wasm     what every page begins with
//   __wasm_split.js                   fetches the rest when it is first needed
//   sentinel_PART.HASH.wasm           the rest: `later`, `lab`, and what several of them share
//
// Called as `wasm.mjs FILE`, for development, or as `wasm.mjs FILE --small`, which takes longer.
// A part fits only the beginning that it was linked with: the hash is of the whole.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { renameImports } from './imports.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const PKG = join(ROOT, 'target/site/pkg');
const MADE = join(ROOT, 'target/made/split');
const [linked, ...flags] = process.argv.slice(2);
const SMALL = flags.includes('--small');

// Measured by what is sent: -Oz makes the file smaller and its brotli larger; these passes gain in both.
const PASSES = [
  'duplicate-function-elimination', 'dae', 'optimize-instructions', 'code-folding', 'vacuum',
  'duplicate-function-elimination', 'remove-unused-module-elements', 'strip-debug', 'strip-producers',
];
const FEATURES = [
  'bulk-memory', 'bulk-memory-opt', 'nontrapping-float-to-int', 'sign-ext', 'mutable-globals',
  'reference-types', 'multivalue',
];

function run(program, ...args) {
  try {
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  } catch (error) {
    console.error(`wasm: ${program} ${error.code === 'ENOENT' ? 'is not there: run ./setup.sh build' : 'failed'}`);
    process.exit(1);
  }
}

function optimized(path) {
  const to = join(MADE, 'small.wasm');
  const asked = [...PASSES.map((pass) => `--${pass}`), ...FEATURES.map((feature) => `--enable-${feature}`)];
  run(process.execPath, join(ROOT, 'end2end/node_modules/.bin/wasm-opt'), ...asked, path, '-o', to);
  return readFileSync(to);
}

rmSync(MADE, { recursive: true, force: true });
mkdirSync(MADE, { recursive: true });
mkdirSync(PKG, { recursive: true });
run('wasm-split-cli', linked, MADE, '--out-name', 'sentinel', '--target', 'web');
// The parts use what the linker exports for them.
run('wasm-bindgen', '--target', 'web', '--no-typescript', '--keep-lld-exports',
  ...(SMALL ? ['--remove-name-section', '--remove-producers-section'] : ['--keep-debug']),
  '--out-name', 'sentinel', '--out-dir', PKG, join(MADE, 'sentinel.wasm'));

for (const name of existsSync(PKG) ? readdirSync(PKG) : []) {
  if (/^sentinel_\w+\.[0-9a-f]+\.wasm(\.br)?$/.test(name)) rmSync(join(PKG, name));
}
const hash = createHash('sha256').update(readFileSync(linked)).digest('hex').slice(0, 12);
// The page itself says that a part did not arrive.
let loader = readFileSync(join(MADE, '__wasm_split.js'), 'utf8').replace('console.error(e)', 'console.warn(e)');
for (const file of readdirSync(MADE)) {
  const [, part] = /^(?:split_)?(\w+)\.wasm$/.exec(file) ?? [];
  if (!part || part === 'sentinel' || part === 'small') continue;
  const path = join(MADE, file);
  const name = `sentinel_${part}.${hash}.wasm`;
  writeFileSync(join(PKG, name), SMALL ? optimized(path) : readFileSync(path));
  loader = loader.replaceAll(`"./${file}"`, `"./${name}"`);
}
writeFileSync(join(PKG, '__wasm_split.js'), loader);

if (SMALL) {
  const script = join(PKG, 'sentinel.js');
  const wasm = join(PKG, 'sentinel_bg.wasm');
  const renamed = renameImports(optimized(wasm), readFileSync(script, 'utf8'), './sentinel_bg.js');
  writeFileSync(wasm, renamed.wasm);
  writeFileSync(script, renamed.script);
}
