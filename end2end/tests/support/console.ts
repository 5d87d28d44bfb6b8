// The live page by the names a person knows it by: one place to change when they change.
import { expect, type Locator, type Page } from '@playwright/test';

export class Console {
  constructor(readonly page: Page) {}

  /** The connection in words, as the top bar says it. */
  get connection(): Locator {
    return this.page.getByRole('status', { name: /connection/i });
  }
  get map(): Locator {
    return this.page.getByRole('region', { name: /map/i });
  }
  get list(): Locator {
    return this.page.getByRole('list', { name: /units/i });
  }
  get drawer(): Locator {
    return this.page.getByRole('complementary', { name: /unit/i });
  }
  /** A unit's row in the list. */
  unit(id: string): Locator {
    return this.list.getByRole('listitem').filter({ hasText: id });
  }

  async isLive(): Promise<void> {
    await expect(this.connection).toHaveText(/\blive\b/i);
  }

  /** Everything asked for has come: what a picture should show. */
  async settled(): Promise<void> {
    await this.page.waitForLoadState('networkidle');
    await this.page.evaluate(() => document.fonts.ready);
  }

  async filter(words: string): Promise<void> {
    await this.page.getByRole('searchbox', { name: /filter|units/i }).fill(words);
  }

  /** On a narrow screen the list is behind a button. */
  async showList(): Promise<void> {
    if (await this.list.isVisible()) return;
    await this.page.getByRole('button', { name: /units|list/i }).first().click();
    await expect(this.list).toBeVisible();
  }

  async chooseTheme(theme: 'light' | 'dark'): Promise<void> {
    await this.page.getByRole('button', { name: new RegExp(theme, 'i') }).first().click();
  }

  async open(id: string): Promise<void> {
    await this.filter(id);
    await this.unit(id).getByRole('button').first().click();
    await expect(this.drawer).toBeVisible();
    await expect(this.drawer.getByRole('heading', { name: id })).toBeVisible();
  }

  async signOut(): Promise<void> {
    await this.page.getByRole('button', { name: /account|person|signed in/i }).click();
    await this.page.getByRole('button', { name: /sign out/i }).click();
  }
}
