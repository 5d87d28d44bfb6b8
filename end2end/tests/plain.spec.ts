// The page as the server sends it: before the wasm is there, and where it never comes.
import type { Page } from '@playwright/test';
import { Console } from './support/console';
import { expect, PASSWORD, signIn, test } from './support/fixtures';

async function signInByForm(page: Page): Promise<void> {
  await page.goto('/');
  await page.getByLabel('User name').fill('chief5');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('one signs in, sees the units and their state, and signs out', async ({ api, page }) => {
    const own = await (await api('chief5')).units('station:5');
    await signInByForm(page);
    await expect(page).not.toHaveURL(/\/login/);
    const text = page.locator('body');
    for (const unit of own) await expect(text).toContainText(unit.id);
    await expect(text).toContainText('Kadavanthra');
    await expect(text).toContainText(/available|off duty|stale|offline/i);
    await new Console(page).signOut();
    await expect(page).toHaveURL(/\/login/);
  });

  test('a scope is a link that works', async ({ page }) => {
    await signIn(page, 'zone3');
    const division = new Console(page).areas.getByRole('link').nth(1);
    const name = (await division.textContent())?.match(/[\p{L} ]+/u)?.[0] ?? '';
    await division.click();
    await expect(page).toHaveURL(/scope=division(:|%3A)\d/);
    await expect(page.getByRole('navigation', { name: 'Area on show' })).toContainText(name);
  });
});

test('before the wasm has come the page is there, and it comes alive when it does', async ({ page }) => {
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/*.wasm', async (route) => {
    await released;
    await route.continue();
  });
  await signIn(page, 'chief5');
  const ui = new Console(page);
  await expect(page.locator('body')).toContainText('Kadavanthra');
  await expect(page.locator('body')).toContainText(/PC-\d{3}/);
  await expect(ui.connection).not.toHaveText(/: Live/);
  release();
  await ui.isLive();
});

test('a page that breaks says so, and does not go on looking live', async ({ page, watch }) => {
  // A page that did not come over the network may not open a socket to this machine.
  watch.forgive(/panicked|unreachable|RuntimeError|hydration error|LOCAL_NETWORK_ACCESS/i);
  // Something between server and browser tears a part out of the page.
  await page.route('**/', async (route) => {
    const answer = await route.fetch();
    const torn = (await answer.text()).replace(/<main[\s\S]*?<\/main>/, '<p>torn</p>');
    await route.fulfill({ response: answer, body: torn });
  });
  await signIn(page, 'chief5');
  const stopped = page.getByRole('alertdialog', { name: 'This page has stopped' });
  await expect(stopped).toBeVisible();
  await page.unrouteAll();
  await stopped.getByRole('link', { name: 'Load again' }).click();
  await new Console(page).isLive();
  await expect(stopped).toBeHidden();
});

test('signing in works before the wasm has come', async ({ page, watch }) => {
  watch.forgive(/wasm|sentinel\.js|ERR_FAILED|Failed to/i);
  await page.route('**/*.wasm', (route) => route.abort());
  await signInByForm(page);
  await expect(page).not.toHaveURL(/\/login/);
  await expect(page.locator('body')).toContainText(/PC-\d{3}/);
});

test('an address that is no page answers 404 and says where to go', async ({ page, watch }) => {
  watch.forgive(/404/);
  const answer = await page.goto('/no-such-page');
  expect(answer?.status()).toBe(404);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(page.getByRole('link', { name: /map/i })).toBeVisible();
});
