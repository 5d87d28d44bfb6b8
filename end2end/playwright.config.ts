import { defineConfig, devices } from '@playwright/test';
import { chromiumPath } from './build/chromium.mjs';

/** Software WebGL, and nothing of the browser's own that would talk to anyone. */
const ARGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
];

export default defineConfig({
  testDir: '.',
  outputDir: '../target/e2e-results',
  fullyParallel: false,
  // Two browsers that draw WebGL in software would starve each other of two cores.
  workers: 1,
  forbidOnly: !!process.env.CI,
  retries: process.env.CI ? 1 : 0,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [['list'], ['json', { outputFile: '../target/test-logs/browser-tests.json' }]],
  use: {
    ...devices['Desktop Chrome'],
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'Asia/Kolkata',
    colorScheme: 'dark',
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: { executablePath: chromiumPath(), args: ARGS },
  },
  projects: [
    { name: 'browser', testDir: './tests' },
    // Pictures, not tests: only where SENTINEL_SHOTS says where to put them.
    ...(process.env.SENTINEL_SHOTS ? [{ name: 'shots', testDir: './shots', testMatch: '*.shot.ts' }] : []),
  ],
});
