// Of an event's schema what every event has. Swagger UI makes one schema of an `allOf` before it
// shows it: of the hundred branches, one for each event, that takes it half a minute, and says
// nothing. The events' own schemas are in the list under the operations.
const short = (response) => {
  if (!response.url.endsWith("/openapi.json")) return response;
  const document = JSON.parse(response.text);
  delete document.components.schemas.WorkflowRunServerSentEvent?.allOf;
  response.text = JSON.stringify(document);
  return response;
};

// Swagger UI on this mock's document. No validator of another host is asked.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#document", deepLinking: true, validatorUrl: null, tryItOutEnabled: true, responseInterceptor: short });

// Swagger UI's own dark colours, where the browser asks for dark ones.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
