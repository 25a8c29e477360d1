# The mock on its bundled workflows, or on a folder mounted at /scripts:
#   docker build -t agentos-mock . && docker run -p 7777:7777 -e AGENTOS_TOKEN=letmein agentos-mock
#   docker run -p 7777:7777 -v ./scripts:/scripts:ro agentos-mock serve --host 0.0.0.0 --workflows /scripts
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md requirements.lock ./
COPY agentos_contract agentos_contract
COPY mockserver mockserver
COPY contract_tests contract_tests
COPY scripted_agentos scripted_agentos
COPY openapi openapi
COPY fixtures/workflows fixtures/workflows
RUN pip install --no-cache-dir --prefix /install .

FROM python:3.11-slim
COPY --from=build /install /usr/local
RUN useradd --create-home mock
USER mock
WORKDIR /home/mock
EXPOSE 7777
HEALTHCHECK --interval=5s --timeout=3s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7777/health')"]
ENTRYPOINT ["agentos-mock"]
# The control API is open to who has AGENTOS_TOKEN, and closed without one.
CMD ["serve", "--host", "0.0.0.0"]
