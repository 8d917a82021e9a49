// The API's document, shown by Swagger UI. Requests tried here carry the key that is typed in.
window.addEventListener("DOMContentLoaded", () => {
  // Without deep links no link stands inside the button that opens an endpoint.
  window.SwaggerUIBundle({
    url: "/api/openapi.json",
    dom_id: "#api-docs",
    deepLinking: false,
    syntaxHighlight: false,
  });
});
