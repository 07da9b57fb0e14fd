# Whiskers as a container that makes sandboxes of its own. How to run it: docs/supervise.md, "In a container".
#
#     docker build --tag whiskers .
#
# BASE is any Debian 12 or later, or Ubuntu 22.04 or later. For a build that can be repeated give it by digest:
# --build-arg BASE=docker.io/library/debian@sha256:...
ARG BASE=docker.io/library/debian:trixie-slim

# npm and the Node.js that it runs on stay behind: Whiskers runs on the Node.js that package-lock.json names.
FROM ${BASE} AS dependencies
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates nodejs npm \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/whiskers
COPY package.json package-lock.json ./
# Not `npm ci`, for the reason that scripts/install.sh gives. The copy of the lock file tells the launcher that
# everything is installed.
RUN npm install --no-save --omit=dev --no-audit --no-fund --no-progress --loglevel=error \
 && node_modules/node/bin/node --version \
 && cp package-lock.json node_modules/.installed-lock.json \
 && rm -rf node_modules/node/node_modules/*/include node_modules/node/node_modules/*/share

FROM ${BASE}
# bubblewrap makes the sandboxes; python3 and jq are for normalizers; tini reaps what sandboxes leave to process 1.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends bubblewrap ca-certificates jq python3 tini \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 whiskers \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/whiskers --shell /usr/sbin/nologin whiskers \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/whiskers
WORKDIR /opt/whiskers
COPY --from=dependencies /opt/whiskers/node_modules node_modules
COPY . .
# The user may not write here, so what starts is compiled ahead now. A checkout may be readable to its owner only.
RUN ./whiskers config >/dev/null && find . ! -perm -o=r -exec chmod a+rX {} +
USER 10001:10001
ENV WHISKERS_HOME=/var/lib/whiskers \
    WHISKERS_NORMALIZERS=/normalizers \
    WHISKERS_OPERATIONS_HOST=0.0.0.0 \
    WHISKERS_OPERATIONS_PORT=8080
VOLUME /var/lib/whiskers
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
  CMD ["/opt/whiskers/node_modules/node/bin/node", "--eval", "fetch(`http://127.0.0.1:${process.env.WHISKERS_OPERATIONS_PORT}/health`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/usr/bin/tini", "--", "/opt/whiskers/whiskers"]
CMD ["supervise"]
