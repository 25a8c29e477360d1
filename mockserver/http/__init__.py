"""One HTTP request: routing and security by Connexion, the stages, operations, the websocket."""
