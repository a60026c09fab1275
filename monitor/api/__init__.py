"""HTTP: capture and reading. `monitor.api.app.create_app` puts it together, `monitor.api.server.serve_http` runs it."""
