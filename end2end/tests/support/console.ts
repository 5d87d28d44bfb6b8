// The live page by the names a person knows it by: one place to change when they change.
import { expect, type Locator, type Page } from '@playwright/test';

export class Console {
  constructor(readonly page: Page) {}

  /** The connection in words, as the top bar says it. */
  get connection(): Locator {
    return this.page.getByRole('status').filter({ hasText: 'Connection:' });
  }
  /** The map and what lies on it. */
  get map(): Locator {
    return this.page.getByRole('main');
  }
  get areas(): Locator {
    return this.page.getByRole('region', { name: 'Areas' });
  }
  get list(): Locator {
    return this.page.getByRole('listbox', { name: 'Units' });
  }
  get drawer(): Locator {
    return this.page.getByRole('complementary', { name: /^Unit / });
  }
  /** The number of open alerts, and the way to them. */
  get bell(): Locator {
    return this.page.getByRole('button', { name: /^Alerts, \d+ open/ });
  }
  get alerts(): Locator {
    return this.page.getByRole('complementary', { name: 'Alerts' });
  }
  /** Open calls for help, and what else waits for the viewer, over the map. */
  get calls(): Locator {
    return this.page.getByRole('region', { name: 'Calls for help' });
  }
  get palette(): Locator {
    return this.page.getByRole('dialog', { name: 'Find a unit or an area' });
  }
  /** A unit's row in the list. */
  unit(id: string): Locator {
    return this.list.getByRole('option').filter({ hasText: id });
  }
  /** What the open unit's panel says under a heading, such as "Place". */
  fact(name: string): Locator {
    const named = this.page.getByRole('term').filter({ hasText: name });
    return this.drawer.locator('dl > div').filter({ has: named }).getByRole('definition');
  }

  async isLive(): Promise<void> {
    await expect(this.connection).toHaveText(/: Live/, { timeout: 60_000 });
  }
  async isAlive(): Promise<void> {
    await expect(this.connection).not.toHaveText(/: Connecting/);
  }

  /** Everything asked for has come: what a picture should show. */
  async settled(): Promise<void> {
    await this.page.waitForLoadState('networkidle');
    await this.page.evaluate(async () => {
      await document.fonts.ready;
      const ending = (animation: Animation) => animation.effect?.getComputedTiming().endTime !== Infinity;
      await Promise.allSettled(document.getAnimations().filter(ending).map((animation) => animation.finished));
    });
  }

  async filter(words: string): Promise<void> {
    await this.page.getByRole('searchbox', { name: 'Search units' }).fill(words);
  }

  /** On a phone the list is behind a button. */
  async showList(): Promise<void> {
    if (await this.list.isVisible()) return;
    await this.page.getByRole('navigation', { name: 'What stands beside the map' }).getByRole('button', { name: 'Units' }).click();
    await expect(this.list).toBeVisible();
  }

  /** Opens the tree down to an area and chooses it. */
  async goTo(...line: string[]): Promise<void> {
    const area = line.pop() ?? '';
    const link = this.areas.getByRole('link', { name: area });
    for (const above of line) {
      if (!(await link.isVisible())) await this.areas.getByRole('button', { name: `What is in ${above}` }).click();
    }
    await link.click();
  }

  async open(id: string): Promise<void> {
    await this.showList();
    await this.filter(id);
    await this.unit(id).click();
    await expect(this.drawer.getByRole('heading', { name: id })).toBeVisible();
  }

  async openMenu(): Promise<Locator> {
    const group = this.page.getByRole('group', { name: 'Appearance' });
    if (!(await group.isVisible())) await this.page.getByLabel(/account and preferences/).click();
    return group;
  }
  async chooseTheme(theme: 'Light' | 'Dark' | 'System'): Promise<void> {
    const group = await this.openMenu();
    await group.getByRole('button', { name: theme }).click();
    await this.page.keyboard.press('Escape');
    await expect(group).toBeHidden();
  }

  async signOut(): Promise<void> {
    await this.page.getByLabel(/account and preferences/).click();
    await this.page.getByRole('button', { name: 'Sign out' }).click();
  }
}
