# The mock on its bundled workflows, or on a folder mounted at /scripts:
#   docker build -t agentos-mock . && docker run -p 7777:7777 -e AGENTOS_TOKEN=letmein agentos-mock
#   docker run -p 7777:7777 -v ./scripts:/scripts:ro agentos-mock serve --host 0.0.0.0 --workflows /scripts
FROM python:3.11-slim AS build
WORKDIR /src
COPY .github/actions/contract-tests/requirements.lock ./
RUN python -m venv /opt/agentos-mock \
    && /opt/agentos-mock/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY agentos_contract agentos_contract
COPY mockserver mockserver
COPY contract_tests contract_tests
COPY scripted_agentos scripted_agentos
COPY openapi openapi
COPY fixtures/workflows fixtures/workflows
RUN /opt/agentos-mock/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
COPY --from=build /opt/agentos-mock /opt/agentos-mock
ENV PATH=/opt/agentos-mock/bin:$PATH
# A number, so that Kubernetes sees that it is not root's.
RUN useradd --uid 1000 --create-home mock
USER 1000
WORKDIR /home/mock
EXPOSE 7777
HEALTHCHECK --interval=5s --timeout=3s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7777/health')"]
ENTRYPOINT ["agentos-mock"]
# The control API is open to who has AGENTOS_TOKEN, and closed without one.
CMD ["serve", "--host", "0.0.0.0"]
