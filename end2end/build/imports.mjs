// wasm-bindgen names each import with a hash, which does not compress. Within one build a
// number tells them apart as well.

/**
 * The wasm and the script that provides its imports, with short names for those of `module`.
 * A name that the script does not have as a key stays.
 */
export function renameImports(wasm, script, module) {
  const short = new Map();
  const keys = new Set([...script.matchAll(/^ {8}([\w$]+): /gm)].map(([, key]) => key));
  const out = [wasm.subarray(0, 8)];
  let at = 8;
  const number = () => {
    let [value, shift, byte] = [0, 0, 0];
    do {
      byte = wasm[at++];
      value += (byte & 127) * 2 ** shift;
      shift += 7;
    } while (byte & 128);
    return value;
  };
  const text = () => {
    const length = number();
    at += length;
    return wasm.toString('utf8', at - length, at);
  };
  const skipLimits = () => {
    const bounded = number() & 1;
    number();
    if (bounded) number();
  };
  /** Skips what an import is: a function's type, a table, a memory, a global. */
  const skipKind = () => {
    const kind = wasm[at++];
    if (kind === 0) number();
    else if (kind === 1) at++, skipLimits();
    else if (kind === 2) skipLimits();
    else if (kind === 3) at += 2;
    else throw new Error(`an import of unknown kind ${kind}`);
  };
  while (at < wasm.length) {
    const start = at;
    const section = wasm[at++];
    const length = number();
    const end = at + length;
    if (section !== 2) {
      out.push(wasm.subarray(start, end));
      at = end;
      continue;
    }
    const count = number();
    const body = [leb(count)];
    for (let i = 0; i < count; i++) {
      const from = text();
      let name = text();
      const kind = at;
      skipKind();
      if (from === module && keys.has(name)) {
        if (!short.has(name)) short.set(name, `_${short.size.toString(36)}`);
        name = short.get(name);
      }
      body.push(...[from, name].flatMap((word) => [leb(Buffer.byteLength(word)), Buffer.from(word)]), wasm.subarray(kind, at));
    }
    const bytes = Buffer.concat(body);
    out.push(Buffer.from([2]), leb(bytes.length), bytes);
  }
  const renamed = script.replace(/^ {8}([\w$]+): /gm, (all, key) => (short.has(key) ? `        ${short.get(key)}: ` : all));
  return { wasm: Buffer.concat(out), script: renamed };
}

function leb(value) {
  const bytes = [];
  do {
    bytes.push((value & 127) | (value > 127 ? 128 : 0));
    value >>>= 7;
  } while (value > 0);
  return Buffer.from(bytes);
}
