# SPDX-License-Identifier: MIT OR Apache-2.0
# Makes an image of several layers as people do, and saves it in each of the ways that there are.
set -e
rm -rf "$1"
mkdir -p "$1"
cd "$1"
tar -C /srv/jail -c . | podman import -q - localhost/base
cat > Containerfile <<'END'
FROM localhost/base
RUN mkdir -p /srv/www /opt/kept /opt/gone && echo one > /srv/www/index.html && echo 1 > /opt/gone/a \
    && echo 1 > /opt/kept/a && ln -s ../srv/www /opt/www && mkfifo /opt/pipe && echo 1 > /opt/was-a-file
RUN rm -r /opt/gone /opt/kept && mkdir /opt/kept && echo 2 > /opt/kept/b && ln /srv/www/index.html /opt/hard \
    && rm /opt/was-a-file && mkdir /opt/was-a-file && echo 2 > /opt/was-a-file/b
RUN cp /bin/busybox /opt/su && chmod 4755 /opt/su && chown 33:33 /srv/www/index.html && chmod 1777 /opt/kept \
    && mkdir -p "/opt/a name with blanks/$(printf 'n%.0s' $(seq 1 120))/$(printf 'm%.0s' $(seq 1 120))" \
    && dd if=/dev/zero of=/opt/zeros bs=1M count=2 && echo end >> /opt/zeros
ENV GREETING=hello
WORKDIR /srv/www
USER 33:33
VOLUME /data
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/bin/busybox", "cat"]
CMD ["index.html"]
END
podman build -q --isolation chroot --network host --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 --layers -t localhost/web .
podman save -q --format oci-archive -o oci.tar localhost/web
podman save -q --format docker-archive -o docker.tar localhost/web
gzip -k docker.tar
skopeo copy -q oci-archive:oci.tar oci:layout:web
skopeo copy -q --dest-compress-format zstd oci-archive:oci.tar oci:zstd:web
umoci unpack --image layout:web bundle
