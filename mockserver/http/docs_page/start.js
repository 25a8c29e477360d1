// Swagger UI on this mock's document. No validator of another host is asked.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#document", deepLinking: true, validatorUrl: null, tryItOutEnabled: true });
