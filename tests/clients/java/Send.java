// Sends events with the official CloudEvents SDK for Java, in each mode; prints one JSON line per request.
// In: {"url", "token", "structured": [event…], "binary": [event…], "batch": [event…]} on standard input.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cloudevents.CloudEvent;
import io.cloudevents.core.message.MessageWriter;
import io.cloudevents.http.HttpMessageFactory;
import io.cloudevents.jackson.JsonFormat;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.URL;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

public class Send {
    static final ObjectMapper JSON = new ObjectMapper().registerModule(JsonFormat.getCloudEventJacksonModule());
    static JsonNode told;

    public static void main(String[] arguments) throws IOException {
        told = JSON.readTree(System.in);
        for (CloudEvent event : events("structured")) {
            send("structured", writer -> writer.writeStructured(event, JsonFormat.CONTENT_TYPE));
        }
        for (CloudEvent event : events("binary")) {
            send("binary", writer -> writer.writeBinary(event));
        }
        HttpURLConnection connection = connection();
        connection.setRequestProperty("content-type", "application/cloudevents-batch+json");
        body(connection, JSON.writeValueAsBytes(events("batch")));
        tell("batch", connection);
    }

    static List<CloudEvent> events(String mode) throws IOException {
        List<CloudEvent> events = new ArrayList<>();
        for (JsonNode event : told.get(mode)) {
            events.add(JSON.treeToValue(event, CloudEvent.class));
        }
        return events;
    }

    static void send(String mode, Consumer<MessageWriter<?, ?>> write) throws IOException {
        HttpURLConnection connection = connection();
        write.accept(HttpMessageFactory.createWriter(connection::setRequestProperty, bytes -> body(connection, bytes)));
        tell(mode, connection);
    }

    static HttpURLConnection connection() throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(told.get("url").asText()).openConnection();
        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        connection.setRequestProperty("Authorization", "Bearer " + told.get("token").asText());
        return connection;
    }

    static void body(HttpURLConnection connection, byte[] bytes) {
        try (OutputStream out = connection.getOutputStream()) {
            out.write(bytes);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static void tell(String mode, HttpURLConnection connection) throws IOException {
        System.out.println(JSON.writeValueAsString(Map.of("mode", mode, "status", connection.getResponseCode())));
    }
}
