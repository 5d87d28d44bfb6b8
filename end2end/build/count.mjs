// count.mjs LOGS [failed step...]: adds up what `cargo test` and Playwright reported.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [logs, ...failedSteps] = process.argv.slice(2);
const read = (name) => (existsSync(join(logs, name)) ? readFileSync(join(logs, name), 'utf8') : '');

const rust = { passed: 0, failed: 0, skipped: 0 };
const line = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;/gm;
for (const [, passed, failed, ignored] of read('rust-tests.log').matchAll(line)) {
  rust.passed += Number(passed);
  rust.failed += Number(failed);
  rust.skipped += Number(ignored);
}

// A test whose server is not installed says so and returns, which cargo counts as passed.
const withoutServer = read('rust-tests.log').match(/SKIPPED: \S+ needs /g)?.length ?? 0;
rust.passed -= withoutServer;
rust.skipped += withoutServer;

// Playwright's own JSON report: "flaky" passed at a second try, which still is a pass.
const report = read('browser-tests.json');
const stats = report ? JSON.parse(report).stats : { expected: 0, unexpected: 0, flaky: 0, skipped: 0 };
const browser = { passed: stats.expected + stats.flaky, failed: stats.unexpected, skipped: stats.skipped };

const words = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;
const problems = failedSteps.map((step) => `step ${step} failed: see ${logs}/${step}.log`);
if (rust.passed === 0) problems.push('no Rust test passed');
if (browser.passed === 0) problems.push('no browser test passed');

console.log(`\nRust: ${words(rust)}\nBrowser: ${words(browser)}`);
for (const problem of problems) console.log(`NOT GOOD: ${problem}`);
console.log(
  words({
    passed: rust.passed + browser.passed,
    failed: rust.failed + browser.failed,
    skipped: rust.skipped + browser.skipped,
  }),
);
process.exitCode = problems.length > 0 || rust.failed + browser.failed > 0 ? 1 : 0;
