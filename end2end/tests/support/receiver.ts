// A system elsewhere that webhooks are sent to.
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';

interface Got {
  headers: IncomingHttpHeaders;
  text: string;
}

export class Receiver {
  readonly got: Got[] = [];
  /** What it answers from now on. */
  status = 200;
  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<Receiver> {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const address = server.address();
    if (!address || typeof address !== 'object') throw new Error('the receiver has no port');
    const receiver = new Receiver(server, `http://127.0.0.1:${address.port}/hook`);
    server.on('request', async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      receiver.got.push({ headers: request.headers, text });
      response.writeHead(receiver.status, { 'content-type': 'text/plain' });
      response.end(receiver.status < 300 ? 'thanks' : 'The roster is being restored; try again later.');
    });
    return receiver;
  }

  /** Whether a request carries this secret's signature, as Standard Webhooks defines it. */
  static isSigned({ headers, text }: Got, secret: string): boolean {
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`;
    const signature = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
    return String(headers['webhook-signature']).split(' ').includes(signature);
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
