// How fast incidents were attended to: a page of the server alone, tried without JavaScript too.
import AxeBuilder from '@axe-core/playwright';
import { type Api, expect, type Page, test } from './support/fixtures';

interface Task {
  id: string;
}

const made = (admin: Api, kind: string, more = {}) =>
  admin.call<Task>('POST', '/api/v1/incidents', { kind, latitude: 9.9633, longitude: 76.2995, scope: 'station:5', ...more });

/** An incident that a unit of its own attended to, from its call to its end. */
async function attended(admin: Api, kind: string): Promise<string> {
  const unit = `REP-${Date.now()}`;
  const device = await admin.newUnit(unit, 'station:5');
  await device.call('POST', '/api/v1/locations', {
    location: { timestamp: new Date().toISOString(), coords: { latitude: 9.9633, longitude: 76.2995 } },
  });
  const { id } = await made(admin, kind, { priority: 'high', address: 'Kadavanthra junction' });
  const assigned = await admin.call<Task>('POST', `/api/v1/incidents/${id}/assign`, { unit_id: unit });
  for (const status of ['accepted', 'en_route', 'on_scene', 'cleared']) {
    await admin.call('POST', `/api/v1/assignments/${assigned.id}/status`, { status });
  }
  return id;
}

async function readsAReport(page: Page, id: string): Promise<void> {
  await page.getByRole('radio', { name: 'Today' }).check({ force: true });
  await page.getByRole('combobox', { name: 'By', exact: true }).selectOption('type');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page).toHaveURL(/span=today.*by=type/);
  const table = page.getByRole('table', { name: 'By type' });
  const flood = table.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'Flood' }) });
  await expect(flood).toContainText(/\d s/);
  await table.getByRole('link', { name: 'Response' }).click();
  await expect(table.getByRole('columnheader', { name: /^Response/ })).toHaveAttribute('aria-sort', 'descending');
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download CSV' }).click()]);
  expect(file.suggestedFilename()).toMatch(/^response-times_station-5_.*\.csv$/);
  const slowest = page.getByRole('table', { name: /^The slowest/ });
  await expect(slowest.getByRole('row').filter({ hasText: id }).getByRole('link')).toHaveAttribute('href', `/?incident=${id}`);
}

test('the menu leads a chief to the reports, and a row to its incident', async ({ api, openAs, page }) => {
  const id = await attended(await api('admin'), 'flood');
  await openAs('chief5');
  await page.locator('summary.person-button').click();
  await page.getByRole('link', { name: 'Reports' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Response times');
  await readsAReport(page, id);
  await page.getByRole('table', { name: /^The slowest/ }).getByRole('row').filter({ hasText: id }).getByRole('link').click();
  const drawer = page.getByRole('complementary', { name: `Incident ${id}` });
  await expect(drawer).toContainText(/Assigned after \d+ s, on scene after \d+ s/, { timeout: 60_000 });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a report is chosen, sorted and taken away', async ({ api, openAs, page }) => {
    const id = await attended(await api('admin'), 'flood');
    await openAs('chief5', '/reports');
    await readsAReport(page, id);
    await page.goto('/reports?span=days&from=2020-01-01&to=2020-01-02');
    await expect(page.locator('main')).toContainText('No incidents were opened in this time');
  });

  test('what cannot be reported is said, and can be chosen anew', async ({ openAs, page, watch }) => {
    watch.forgive(/status of 40[03]/);
    await openAs('chief5', '/reports?span=days&from=2026-01-02&to=2026-01-01');
    await expect(page.getByRole('alert')).toContainText('from is after to');
    await page.goto('/reports?scope=station:6');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('This is not yours to see');
  });
});

for (const { look, viewport } of [
  { look: 'dark', viewport: { width: 1440, height: 900 } },
  { look: 'light', viewport: { width: 390, height: 844 } },
] as const) {
  test.describe(`${look}, ${viewport.width} wide:`, () => {
    test.use({ look, viewport });

    test('axe finds no serious fault on a report, and nothing is wider than the screen', async ({ api, openAs, page }) => {
      const admin = await api('admin');
      await attended(admin, 'fire');
      await made(admin, 'accident');
      await openAs('commander', '/reports?span=days&by=type&sort=response&falling=true');
      await expect(page.getByRole('table')).toHaveCount(2);
      const { violations } = await new AxeBuilder({ page })
        .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
        .analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`)).toEqual([]);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(over, 'wider than the screen').toBeLessThanOrEqual(0);
    });
  });
}
