#!/bin/sh
# Usage: install.sh FOLDER
# Makes a small Apache Kafka in FOLDER: the broker's jars from Maven Central and the two programs that start one, laid
# out as in the official download. Then: export KAFKA_HOME=FOLDER. Needs Java 17 and Maven; does nothing when it is there.
set -eu
home=${1:?usage: install.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$home"
home=$(cd "$home" && pwd)

if ! cmp -s "$here/pom.xml" "$home/pom.xml"; then
    rm -rf "$home/libs"
    mvn --batch-mode --quiet -f "$here/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$home/libs"
    mkdir -p "$home/bin"
    for program in kafka-server-start:kafka.Kafka kafka-storage:kafka.tools.StorageTool; do
        cat > "$home/bin/${program%%:*}.sh" <<SCRIPT
#!/bin/sh
exec java \${KAFKA_HEAP_OPTS:-} \${KAFKA_JVM_PERFORMANCE_OPTS:-} -cp "$home/libs/*" ${program#*:} "\$@"
SCRIPT
        chmod +x "$home/bin/${program%%:*}.sh"
    done
    cp "$here/pom.xml" "$home/pom.xml"
fi
