// What no page of Sentinel may do, watched in every test: leave the server's own origin,
// break its own content security policy, or write an error to the console.
import type { BrowserContext, ConsoleMessage } from '@playwright/test';

export class Watch {
  readonly complaints: string[] = [];
  private forgiven: RegExp[] = [];

  constructor(private readonly origin: string) {}

  /** For a test that provokes them: what it may say without being at fault. */
  forgive(...messages: RegExp[]): void {
    this.forgiven.push(...messages);
  }

  private note(what: string): void {
    if (!this.forgiven.some((pattern) => pattern.test(what))) this.complaints.push(what);
  }

  private console(message: ConsoleMessage): void {
    if (message.type() === 'error') this.note(`console: ${message.text()} (${message.location().url})`);
  }

  async over(context: BrowserContext): Promise<void> {
    const socket = this.origin.replace(/^http/, 'ws');
    context.on('console', (message) => this.console(message));
    context.on('weberror', (error) => this.note(`exception: ${error.error().stack ?? error.error().message}`));
    context.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`${this.origin}/`) && !/^(data|blob|about):/.test(url)) this.note(`request leaves the origin: ${url}`);
    });
    context.on('page', (page) => {
      page.on('websocket', (ws) => {
        if (!ws.url().startsWith(`${socket}/`)) this.note(`socket leaves the origin: ${ws.url()}`);
      });
    });
    await context.exposeBinding('sentinelTestViolation', (_, what: string) => this.note(`content security policy: ${what}`));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        const report = (window as unknown as { sentinelTestViolation?: (what: string) => void }).sentinelTestViolation;
        report?.(`${event.violatedDirective} refused ${event.blockedURI || 'inline'} (${event.sourceFile}:${event.lineNumber})`);
      });
    });
  }
}
