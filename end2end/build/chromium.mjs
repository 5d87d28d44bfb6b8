// Which Chromium the tests use: SENTINEL_CHROMIUM, else Playwright's own, else the system's.
// Run by itself it prints the path, or fails where there is none that starts.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';

const SYSTEM = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

export function chromiumPath() {
  const candidates = [process.env.SENTINEL_CHROMIUM, chromium.executablePath(), ...SYSTEM];
  return candidates.find((path) => path && existsSync(path));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = chromiumPath();
  if (!path) process.exit(1);
  try {
    execFileSync(path, ['--version'], { stdio: 'ignore', timeout: 20_000 });
  } catch {
    process.exit(1);
  }
  console.log(path);
}
