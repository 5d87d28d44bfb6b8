import { Console } from './support/console';
import { expect, PASSWORD, test } from './support/fixtures';

test('a person signs in with the keyboard alone and stands before the live map', async ({ page }) => {
  await page.goto('/');
  await expect(page).toHaveURL(/\/login/);
  await expect(page.getByLabel('User name')).toBeFocused();
  await page.keyboard.type('zone3');
  await page.keyboard.press('Tab');
  await expect(page.getByLabel('Password', { exact: true })).toBeFocused();
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await expect(page).not.toHaveURL(/\/login/);
  await new Console(page).isLive();
});

test('a wrong password says so, beside the form, and lets nobody in', async ({ page }) => {
  await page.goto('/login');
  await page.getByLabel('User name').fill('zone3');
  await page.getByLabel('Password', { exact: true }).fill('not-this');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText(/password/i);
  await expect(page).toHaveURL(/\/login/);
  await page.goto('/');
  await expect(page).toHaveURL(/\/login/);
});

test('after signing in one stands where one wanted to go, on this server only', async ({ page, server }) => {
  for (const [next, lands] of [
    ['/?scope=station:5', '/?scope=station:5'],
    ['https://example.org/', '/'],
    ['//example.org/', '/'],
    ['/\\example.org/', '/'],
  ] as const) {
    await page.goto('about:blank'); // the page before is gone, and its socket with it
    await page.context().clearCookies();
    await page.goto(`/login?next=${encodeURIComponent(next)}`);
    await page.getByLabel('User name').fill('zone3');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('Password', { exact: true }).press('Enter');
    await expect(page).toHaveURL(server.url + lands);
  }
});

test('a link to an area, opened without a session, leads there after signing in', async ({ page, server }) => {
  await page.goto('/?scope=station:5&unit=PC-001');
  await expect(page).toHaveURL(/\/login\?next=/);
  await page.getByLabel('User name').fill('zone3');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('Password', { exact: true }).press('Enter');
  await expect(page).toHaveURL(server.url + '/?scope=station:5&unit=PC-001');
  await new Console(page).isLive();
});

test('signing out leads to the sign-in page, and back does not lead in again', async ({ openAs, page }) => {
  await openAs('zone3');
  const ui = new Console(page);
  await ui.isLive();
  await ui.signOut();
  await expect(page).toHaveURL(/\/login/);
  await page.goBack();
  await page.reload();
  await expect(page).toHaveURL(/\/login/);
});

test('the session cookie is out of reach of scripts and of other sites', async ({ openAs, context }) => {
  const page = await openAs('zone3');
  const cookie = (await context.cookies()).find(({ name }) => name === 'sentinel_session');
  expect(cookie).toMatchObject({ httpOnly: true, path: '/' });
  expect(['Lax', 'Strict']).toContain(cookie?.sameSite);
  expect(await page.evaluate(() => document.cookie)).not.toContain('sentinel_session');
});

test('a form of another site can neither sign out nor change anything', async ({ openAs, server }) => {
  const page = await openAs('chief5');
  const forged = { origin: 'https://example.org', 'sec-fetch-site': 'cross-site' };
  for (const [path, data] of [
    ['/logout', undefined],
    ['/api/v1/patrols', { unit_id: 'PC-001' }],
  ] as const) {
    const answer = await page.request.post(server.url + path, { headers: forged, data, maxRedirects: 0 });
    expect(answer.status(), path).toBe(403);
  }
  await page.reload();
  await new Console(page).isLive();
});
