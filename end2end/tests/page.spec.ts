// What the page is to its browser: no request elsewhere, a policy it keeps, a look that stays.
import { Console } from './support/console';
import { expect, test } from './support/fixtures';

test('the policy allows this server only, and no inline script without its nonce', async ({ page, server }) => {
  for (const path of ['/login', '/']) {
    const answer = await page.request.get(server.url + path);
    const headers = answer.headers();
    const policy = headers['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'self'");
    expect(policy).toMatch(/frame-ancestors 'none'/);
    const script = /script-src ([^;]*)/.exec(policy)?.[1] ?? '';
    expect(script).toContain("'nonce-");
    expect(script).not.toMatch(/'unsafe-inline'|'unsafe-eval'|\*|https?:/);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['referrer-policy']).toBeTruthy();
  }
});

test('a walk through the page leaves the origin nowhere and breaks no policy', async ({ openAs, page }) => {
  // What is asked and said is watched in every test; this one goes everywhere.
  await openAs('commander');
  const ui = new Console(page);
  await ui.isLive();
  await ui.open('PC-001');
  await page.keyboard.press('Escape');
  for (const name of ['Zoom in', 'Zoom out', 'Show all units']) await page.getByRole('button', { name }).click();
  await ui.chooseTheme('Light');
  await page.getByRole('button', { name: 'Legend' }).first().click();
  await ui.isLive();
});

test('the look is dark until one chooses another, and the choice stays', async ({ openAs, page, context }) => {
  await context.clearCookies({ name: 'sentinel_theme' });
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await openAs('zone3');
  const ui = new Console(page);
  await ui.isLive();
  const dark = await background();
  await ui.chooseTheme('Light');
  await expect.poll(background).not.toBe(dark);
  const light = await background();
  await page.reload();
  await ui.isLive();
  expect(await background()).toBe(light);
  await ui.chooseTheme('Dark');
  await expect.poll(background).toBe(dark);
});

test('the console stays where it is, however its parts are scrolled', async ({ openAs, page }) => {
  await openAs('commander');
  const ui = new Console(page);
  await ui.isLive();
  const size = page.viewportSize() ?? { width: 0, height: 0 };
  const page_height = () => page.evaluate(() => document.documentElement.scrollHeight);
  expect(await page_height()).toBe(size.height);
  // Over the rail, the areas, the list and the top bar, and by the keys that scroll a page.
  for (const [x, y] of [[20, 300], [200, 200], [200, size.height - 150], [size.width / 2, 20]] as const) {
    await page.mouse.move(x, y);
    await page.mouse.wheel(0, 4000);
  }
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  for (const key of ['Space', 'PageDown', 'End']) await page.keyboard.press(key);
  await page.waitForTimeout(300);
  expect(await page.evaluate(() => [scrollX, scrollY])).toEqual([0, 0]);
  expect(await page_height()).toBe(size.height);
  await ui.isLive();
});

test('what the browser downloads is small, compressed and kept', async ({ page, server }) => {
  for (const path of ['/pkg/sentinel_bg.wasm', '/pkg/sentinel.js', '/pkg/sentinel.css']) {
    const answer = await page.request.get(server.url + path, { headers: { 'accept-encoding': 'br' } });
    expect(answer.status(), path).toBe(200);
    expect(answer.headers()['content-encoding'], path).toBe('br');
    expect(answer.headers()['cache-control'] ?? answer.headers()['etag'], path).toBeTruthy();
  }
  const wasm = await page.request.get(`${server.url}/pkg/sentinel_bg.wasm`, { headers: { 'accept-encoding': 'br' } });
  expect(wasm.headers()['content-type']).toBe('application/wasm');
  expect(Number(wasm.headers()['content-length']), 'bytes of wasm on the wire').toBeLessThan(350_000);
});
