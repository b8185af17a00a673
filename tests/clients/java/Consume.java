// Reads topics from their beginning with Kafka's own Java client and the official CloudEvents deserializer; prints one
// JSON line per record: its topic, key, headers, its bytes as text, and the event that the SDK made of it.
// In: {"servers", "topics": […], "records": how many to wait for} on standard input.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cloudevents.CloudEvent;
import io.cloudevents.kafka.CloudEventDeserializer;
import io.cloudevents.jackson.JsonFormat;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Consume {
    static final ObjectMapper JSON = new ObjectMapper().registerModule(JsonFormat.getCloudEventJacksonModule());
    static final long SECONDS_MAX = 30;

    public static void main(String[] arguments) throws Exception {
        JsonNode told = JSON.readTree(System.in);
        CloudEventDeserializer events = new CloudEventDeserializer();
        Map<String, Object> settings = Map.of("bootstrap.servers", told.get("servers").asText());
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (JsonNode topic : told.get("topics")) {
                consumer.partitionsFor(topic.asText()).forEach(
                        p -> partitions.add(new TopicPartition(p.topic(), p.partition())));
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            long deadline = System.nanoTime() + Duration.ofSeconds(SECONDS_MAX).toNanos();
            for (int left = told.get("records").asInt(); left > 0 && System.nanoTime() < deadline;) {
                for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    tell(record, events.deserialize(record.topic(), record.headers(), record.value()));
                    left--;
                }
            }
        }
    }

    static void tell(ConsumerRecord<String, byte[]> record, CloudEvent event) throws Exception {
        Map<String, String> headers = new LinkedHashMap<>();
        for (Header header : record.headers()) {
            headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
        }
        System.out.println(JSON.writeValueAsString(Map.of(
                "topic", record.topic(),
                "key", record.key(),
                "headers", headers,
                "value", new String(record.value(), StandardCharsets.UTF_8),
                "event", event)));
    }
}
