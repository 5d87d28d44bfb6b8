// The documentation as an integrator reads it: it shows what there is, and sends requests.
import type { Locator, Page } from '@playwright/test';
import { expect, test } from './support/fixtures';

async function open(page: Page, operation: string): Promise<Locator> {
  const shown = page.locator(`[id$="-${operation}"].opblock`);
  await shown.locator('.opblock-summary-control').click();
  await expect(shown.getByRole('button', { name: 'Execute' })).toBeVisible();
  return shown;
}

test('every address of the document is on its page, and a request sent from there is signed by the session', async ({ openAs, page }) => {
  await openAs('commander', '/api/docs');
  const { paths, webhooks } = await page.request.get('/api/openapi.json').then((answer) => answer.json());
  const described = [...Object.values(paths as object), ...Object.values(webhooks as object)];
  const count = described.flatMap((item) => Object.keys(item as object)).length;
  await expect(page.locator('.opblock')).toHaveCount(count);
  const stats = await open(page, 'read_stats');
  await stats.getByRole('button', { name: 'Execute' }).click();
  await expect(stats.locator('.live-responses-table')).toContainText('"patrols_active"');
});

test('a body can be any of the apps, and Sentinel’s own comes first', async ({ openAs, page }) => {
  await openAs('commander', '/api/docs');
  const post = await open(page, 'post_positions');
  await expect(post.locator('.examples-select option')).toHaveText([/Sentinel/, /Traccar/, /OwnTracks/, /Overland/]);
  await expect(post.locator('textarea')).toHaveValue(/"unit_id": "PC-001"/);
});

test.describe('on a phone:', () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test('nothing of the documentation is wider than the page', async ({ openAs, page }) => {
    await openAs('commander', '/api/docs');
    await open(page, 'post_positions');
    const beyond = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(await beyond()).toBeLessThanOrEqual(0);
    await page.getByRole('navigation').getByRole('link', { name: 'Recipes' }).click();
    await expect(page.getByRole('heading', { name: 'Receive a webhook' })).toBeVisible();
    expect(await beyond()).toBeLessThanOrEqual(0);
  });
});
