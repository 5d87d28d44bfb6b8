// Puts together what the browser downloads, in target/site:
//   /            everything of public/ (the typeface, the icon, the basemap)
//   /pkg         the wasm and its scripts (made by wasm.mjs before), sentinel.css, Leaflet, Swagger UI
// and, unless called with --no-brotli, a .br beside every file that gains from it.
//
// A file is written only where its content changed, so that the server (which carries
// target/site inside it) is built again only where the site is another one. What a source
// no longer has is removed.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import { bundle } from 'lightningcss';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const SITE = join(ROOT, 'target/site');
const MODULES = join(ROOT, 'end2end/node_modules');
const BROTLI = !process.argv.includes('--no-brotli');
/** What compresses; images and woff2 are compressed already. */
const GAINS = /\.(js|css|wasm|geojson|json|svg|html|txt|webmanifest)$/;
/** Chrome 109, Firefox 115, Safari 16: the oldest that people with old tablets still run. */
const TARGETS = { chrome: 109 << 16, firefox: 115 << 16, safari: 16 << 16 };

const filesIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
        .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    : [];

/** Path in the site → content. */
const site = new Map();

for (const path of filesIn(join(ROOT, 'public'))) site.set(path, readFileSync(join(ROOT, 'public', path)));

// What wasm.mjs wrote stays as it is.
for (const path of filesIn(join(SITE, 'pkg'))) {
  if (/^(sentinel|__wasm_split)\.js$|^sentinel_[\w.]+\.wasm$|^snippets\//.test(path)) {
    site.set(join('pkg', path), readFileSync(join(SITE, 'pkg', path)));
  }
}

function css(filename) {
  try {
    return bundle({ filename, minify: true, targets: TARGETS }).code;
  } catch (error) {
    const at = `${relative(ROOT, error.fileName ?? filename)}:${error.loc?.line ?? 1}`;
    console.error(`site: ${at}: ${error.data === 'ResolverError' ? 'imports a file that is not there' : error.message}`);
    process.exit(1);
  }
}
site.set('pkg/sentinel.css', css(join(ROOT, 'style/main.css')));

const leaflet = join(MODULES, 'leaflet/dist');
const leafletJs = readFileSync(join(leaflet, 'leaflet.js'), 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
site.set('pkg/leaflet.js', Buffer.from(leafletJs));
site.set('pkg/leaflet.css', css(join(leaflet, 'leaflet.css')));
for (const image of filesIn(join(leaflet, 'images'))) {
  site.set(join('pkg/images', image), readFileSync(join(leaflet, 'images', image)));
}

// What shows /api/docs: one script and its style, without their source maps.
const viewer = join(MODULES, 'swagger-ui-dist');
const withoutMap = (name) => readFileSync(join(viewer, name), 'utf8').replace(/\n(\/\/|\/\*)# sourceMappingURL=.*\s*$/, '\n');
site.set('pkg/swagger-ui.js', Buffer.from(withoutMap('swagger-ui-bundle.js')));
site.set('pkg/swagger-ui.css', Buffer.from(withoutMap('swagger-ui.css')));

// --- write what differs, remove what is no more ------------------------------------------

const same = (path, content) => existsSync(path) && readFileSync(path).equals(content);
function write(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

let changed = 0;
for (const [name, content] of site) {
  if (same(join(SITE, name), content)) continue;
  write(join(SITE, name), content);
  changed += 1;
}

// Quality 11 takes seconds for the wasm: the outcome is kept by the content it was made of.
const CACHE = join(ROOT, 'target/brotli');
const compress = promisify(brotliCompress);
async function compressed(content) {
  const kept = join(CACHE, createHash('sha256').update(content).digest('hex'));
  if (existsSync(kept)) return [kept, readFileSync(kept)];
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  const small = await compress(content, { params });
  write(kept, small);
  return [kept, small];
}

const wanted = new Set(site.keys());
if (BROTLI) {
  const used = new Set();
  const jobs = [...site].filter(([name, content]) => GAINS.test(name) && content.length > 512);
  await Promise.all(
    jobs.map(async ([name, content]) => {
      const [kept, small] = await compressed(Buffer.from(content));
      used.add(kept);
      wanted.add(`${name}.br`);
      if (same(join(SITE, `${name}.br`), small)) return;
      write(join(SITE, `${name}.br`), small);
      changed += 1;
    }),
  );
  for (const file of filesIn(CACHE)) if (!used.has(join(CACHE, file))) rmSync(join(CACHE, file));
}
for (const name of filesIn(SITE)) {
  if (wanted.has(name)) continue;
  rmSync(join(SITE, name));
  changed += 1;
}

if (changed > 0) {
  const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
  console.log(`site: ${changed} files written or removed`);
  for (const name of [...site.keys()].filter((name) => /^pkg\/(sentinel.*\.(wasm|js|css)|__wasm_split\.js)$/.test(name)).sort()) {
    const small = BROTLI ? `, ${kib(readFileSync(join(SITE, `${name}.br`)).length)} as brotli` : '';
    console.log(`  ${name}: ${kib(site.get(name).length)}${small}`);
  }
}
