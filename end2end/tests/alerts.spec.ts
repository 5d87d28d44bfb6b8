// A call for help is shown to whoever may see the unit, and stays until somebody has read it.
import { Console } from './support/console';
import { type Api, expect, signIn, test } from './support/fixtures';

/** A station that is not in zone 3. */
async function elsewhere(admin: Api): Promise<string> {
  const { items } = await admin.call<{ items: { scope: string; parent: string | null }[] }>('GET', '/api/v1/scopes?limit=1000');
  const above = new Map(items.map(({ scope, parent }) => [scope, parent]));
  const zone = (station: string) => above.get(above.get(station) ?? '');
  const station = items.find(({ scope }) => scope.startsWith('station:') && zone(scope) !== 'zone:3');
  if (!station) throw new Error('the demo has stations outside zone 3');
  return station.scope;
}

test('an SOS is shown to the commander of its scope and not to another’s, until it is dismissed', async ({ api, browser, openAs, server, page }) => {
  test.slow();
  const admin = await api('admin');
  const own = await admin.newUnit('E2E-SOS-OWN', 'station:5');
  const other = await admin.newUnit('E2E-SOS-OTHER', await elsewhere(admin));
  await openAs('zone3');
  await new Console(page).isLive();
  const calls = page.getByRole('alert');

  const context = await browser.newContext();
  const whole = await context.newPage();
  await signIn(whole, 'admin', '/', server.url);
  await new Console(whole).isLive();

  await other.callForHelp(9.9633, 76.2995);
  await expect(whole.getByRole('alert')).toContainText('SOS from E2E-SOS-OTHER');
  await own.callForHelp(9.9633, 76.2995);
  await expect(calls).toContainText('SOS from E2E-SOS-OWN');
  await expect(calls).not.toContainText('E2E-SOS-OTHER');
  await expect(whole.getByRole('alert')).toContainText('SOS from E2E-SOS-OWN');
  await context.close();

  await calls.getByRole('button', { name: 'Show' }).click();
  await expect(new Console(page).drawer.getByRole('heading', { name: 'E2E-SOS-OWN' })).toBeVisible();
  await calls.getByRole('button', { name: 'Dismiss' }).click();
  await expect(calls).not.toContainText('SOS');
});
