// Starts the viewer of /api/docs. Requests that are tried out are signed by the dashboard's
// session, which the browser sends by itself, or by a key pasted under "Authorize".
SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#document',
  deepLinking: true,
  docExpansion: 'list',
  filter: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  // Its own service, elsewhere, would be asked to check the document.
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
