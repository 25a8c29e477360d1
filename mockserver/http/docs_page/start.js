// Swagger UI on this mock's document. No validator of another host is asked.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#document", deepLinking: true, validatorUrl: null, tryItOutEnabled: true });

// Swagger UI's own dark colours, where the browser asks for dark ones.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
