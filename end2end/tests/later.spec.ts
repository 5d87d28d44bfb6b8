// The parts of the page whose code comes in a file of its own, after the map.
import type { Page } from '@playwright/test';
import { Console } from './support/console';
import { expect, test } from './support/fixtures';

const LATER = '**/pkg/sentinel_later.*.wasm';

/** Holds the file back until the answer is called. */
async function held(page: Page): Promise<() => void> {
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route(LATER, async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

test('the page begins without the code of what nobody has opened yet, and fetches it by itself', async ({ openAs, page }) => {
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await openAs('commander');
  await new Console(page).isLive();
  await expect.poll(() => asked.some((path) => /sentinel_later/.test(path))).toBe(true);
  const wasm = asked.filter((path) => path.endsWith('.wasm'));
  expect(wasm[0]).toBe('/pkg/sentinel_bg.wasm');
  expect(wasm.filter((path) => /_lab/.test(path))).toEqual([]);
});

test('a unit that a link opens is told before its code is there, and comes alive with it', async ({ openAs, page }) => {
  const release = await held(page);
  await openAs('commander', '/?unit=PC-001');
  const ui = new Console(page);
  await ui.isLive();
  await expect(ui.drawer.getByRole('heading', { name: 'PC-001' })).toBeVisible();
  await expect(ui.fact('Battery')).not.toBeEmpty();
  release();
  const follow = ui.drawer.getByRole('button', { name: 'Follow' });
  await expect(async () => {
    await follow.click();
    await expect(follow).toHaveAttribute('aria-pressed', 'true', { timeout: 500 });
  }).toPass();
});

test('what is opened before its code is there is named, can be closed, and fills when it comes', async ({ openAs, page }) => {
  const release = await held(page);
  await openAs('commander');
  const ui = new Console(page);
  await ui.isLive();
  await ui.bell.click();
  await expect(ui.alerts.getByRole('heading', { name: 'Alerts' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(ui.alerts).toBeHidden();
  await expect(ui.bell).toBeFocused();
  await ui.unit('PC-002').click();
  await expect(ui.drawer.getByRole('heading', { name: 'PC-002' })).toBeVisible();
  await ui.drawer.getByRole('link', { name: 'Close' }).click();
  await expect(ui.drawer).toBeHidden();
  await page.keyboard.press('Control+k');
  await page.keyboard.type('PC-017');
  await expect(ui.palette).toBeHidden();
  release();
  await expect(ui.palette.getByRole('option').first()).toContainText('PC-017');
  await page.keyboard.press('Enter');
  await expect(ui.fact('Battery')).not.toBeEmpty();
});

test('a part that does not arrive is said, and comes when it is asked for again', async ({ openAs, page, watch }) => {
  watch.forgive(/sentinel_later|Failed to load resource|Failed to fetch|net::ERR_FAILED/);
  await page.route(LATER, (route) => route.abort());
  await openAs('commander');
  const ui = new Console(page);
  await ui.isLive();
  const missing = page.getByRole('status').filter({ hasText: 'A part of this page did not arrive' });
  await expect(missing).toBeVisible();
  await page.unroute(LATER);
  await missing.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByText('A part of this page did not arrive')).toHaveCount(0);
  await page.keyboard.press('Control+k');
  await expect(ui.palette).toBeVisible();
});
