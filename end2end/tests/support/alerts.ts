// What tests of alerts begin with.
import { Console } from './console';
import { type Api, expect, type Page } from './fixtures';

/** Where units of the tests of alerts are. */
export const HERE = [9.9633, 76.2995] as const;

/** A unit of that id that calls for help. */
export async function call(admin: Api, id: string, station = 'station:5'): Promise<Api> {
  const device = await admin.newUnit(id, station);
  await device.callForHelp(...HERE);
  return device;
}

/** The page, live, with the alerts open. */
export async function openAlerts(page: Page): Promise<Console> {
  const ui = new Console(page);
  await ui.isLive();
  await ui.bell.click();
  await expect(ui.alerts).toBeVisible();
  return ui;
}

/** So many alerts of one unit that press nobody above its station. */
export async function hurry(admin: Api, id: string, many: number): Promise<void> {
  const device = await admin.newUnit(id, 'station:5');
  for (let n = 0; n < many; n += 1) {
    const location = { timestamp: new Date(Date.now() - (many - n) * 1000).toISOString(), coords: { latitude: HERE[0], longitude: HERE[1] } };
    await device.call('POST', '/api/v1/locations', { location: { ...location, geofence: { identifier: `Fence ${n}`, action: 'ENTER' } } });
  }
}
